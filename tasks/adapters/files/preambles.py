"""Titles and comments above the header of a text table, as spreadsheets and reports have them."""

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass

from image_tags.tasks.adapters.files.csv_rows import iterate_rows
from image_tags.tasks.contracts.link_text import WEB, is_link

MOST = 20
"""Lines that may be above a header."""

_WORD = re.compile(r"\s*[\w.-]+\r?\n")


@dataclass(frozen=True)
class Preamble:
    """Lines above a header, where the text goes on after them, and the delimiter of the table."""

    delimiter: str
    end: int
    lines: tuple[str, ...]

    @property
    def remark(self) -> str:
        """A sentence on what was left out."""
        more = f" and {len(self.lines) - 1} more" if len(self.lines) > 1 else ""
        return f"What is above the header was left out: {self.lines[0][:60]!r}{more} (--header)."


def find_preamble(text: str, delimiters: Iterable[str]) -> Preamble | None:
    """Find titles and comments (one cell, or `#`) above a table; None unless it surely is one.

    Below them there must be distinct names, and rows of just as many cells with a column of links.
    A single word may be the name of a single column, unless an empty line follows.
    """
    for delimiter in delimiters:
        lines, end = _find_titles(text, delimiter)
        is_name = len(lines) == 1 and _WORD.fullmatch(text[:end])
        if lines and not is_name and _is_table(text[end:], delimiter):
            return Preamble(delimiter, end, lines)
    return None


def _find_titles(text: str, delimiter: str) -> tuple[tuple[str, ...], int]:
    found: list[str] = []
    end = 0
    for line in io.StringIO(text, newline=""):
        cells = [cell for cell in line.split(delimiter) if cell.strip(' "\r\n')]
        is_title = line.startswith("#") or (len(cells) <= 1 and not WEB.search(line))
        if not is_title or len(found) == MOST:
            break
        found.extend(cell.strip(' "\r\n') for cell in cells[:1])
        end += len(line)
    return tuple(found), end


def _is_table(text: str, delimiter: str) -> bool:
    rows = iterate_rows(text, delimiter)
    names = next(rows, [])
    if len(names) < 2 or len(set(names)) < len(names) or not all(map(_is_name, names)):
        return False
    body = list(rows)
    if not body or any(len(row) != len(names) for row in body):
        return False
    return any(2 * sum(map(_is_link, column)) > len(body) for column in zip(*body, strict=True))


def _is_name(cell: str) -> bool:
    return bool(cell.strip()) and not WEB.search(cell)


def _is_link(cell: str) -> bool:
    return is_link(cell.strip())
