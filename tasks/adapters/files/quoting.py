"""Split text into rows of cells: quotes as RFC 4180 has them, or escaped by backslashes.

A text that can be read in neither way is refused with its row: no cell is ever changed in silence.
"""

import csv
import re
from dataclasses import dataclass
from typing import Any

from image_tags.tasks.adapters.files.csv_rows import iterate_rows
from image_tags.tasks.adapters.files.delimiters import join_links
from image_tags.tasks.contracts.errors import UsageError

_ESCAPED = r'\\(["\\{delimiter}])|\\'

UNCLOSED = "a quote is opened and never closed"


@dataclass(frozen=True)
class Rows:
    """Rows of cells, the first of which may hold names, and sentences on how they were read."""

    rows: list[list[str]]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Attempt:
    """Rows read in one way, up to the one that failed, and why it did."""

    rows: list[list[str]]
    delimiter: str
    failure: str | None = None

    @property
    def fits(self) -> bool:
        """Whether it was read to the end and no row is longer than the first."""
        if self.failure or not self.rows:
            return self.failure is None
        width = len(self.rows[0])
        long = (row for row in self.rows if len(row) > width)
        return all(len(join_links(row, self.delimiter, width)) == width for row in long)


def split_rows(name: str, text: str, delimiter: str) -> Rows:
    """Split a text into rows of cells; empty lines are left out.

    Raises:
        UsageError: a quote is never closed, or text follows a closing quote and it is not clear
            what was meant; the sentence names the row.
    """
    standard = _attempt(text, delimiter)
    escaped = None
    if '\\"' in text or f"\\{delimiter}" in text:
        escaped = _attempt(_only_escapes(text, delimiter), delimiter, escapechar="\\")
        if escaped.fits and not standard.fits:
            remark = (
                'Quotes inside cells are escaped by backslashes (\\"); they were read as quotes.'
            )
            return Rows(_with_nulls(escaped.rows), (remark,))
        if escaped.fits and len(escaped.rows) != len(standard.rows):
            place = _first_difference(escaped.rows, standard.rows)
            raise UsageError(
                f"The file {name!r} can be read in two ways from row {place} on: a quote after a "
                'backslash (\\") may end a cell or be part of it. Double the quotes inside cells.'
            )
    if not standard.fits and f'{delimiter} "' in text:
        spaced = _attempt(text, delimiter, skipinitialspace=True)
        if spaced.fits:
            return Rows(spaced.rows, ("Blanks after a delimiter are no part of the cells.",))
    if standard.failure is None:
        return Rows(standard.rows)
    literal = _attempt(text, delimiter, quoting=csv.QUOTE_NONE)
    if standard.failure != UNCLOSED and escaped is None and _is_literal(literal.rows):
        remark = "Quotes are part of the text: the file does not put cells in quotes."
        return Rows(literal.rows, (remark,))
    hint = ', nor with backslashes as escapes (\\")' if escaped else ""
    raise UsageError(
        f"The file {name!r} is not a table: in row {len(standard.rows)} {standard.failure}{hint}. "
        "A quote inside a cell in quotes must be doubled."
    )


def drop_nuls(rows: Rows) -> Rows:
    """Drop NUL characters, which no text column of a table can hold everywhere; name their rows."""
    found = [place for place, row in enumerate(rows.rows) if any("\0" in cell for cell in row)]
    if not found:
        return rows
    count = sum(cell.count("\0") for place in found for cell in rows.rows[place])
    cleaned = [[cell.replace("\0", "") for cell in row] for row in rows.rows]
    places = ", ".join(map(str, found[:5])) + (", ..." if len(found) > 5 else "")
    noun = "NUL character was" if count == 1 else "NUL characters were"
    remark = f"{count:,} {noun} dropped (row {places}; row 0 is the first line)."
    return Rows(cleaned, (*rows.remarks, remark))


def _attempt(text: str, delimiter: str, **options: Any) -> _Attempt:
    """Read the text with these options of `csv.reader`."""
    rows: list[list[str]] = []
    strict = options.get("quoting") != csv.QUOTE_NONE
    try:
        rows.extend(iterate_rows(text, delimiter, strict=strict, **options))
    except csv.Error as error:
        unclosed = "unexpected end of data" in str(error)
        return _Attempt(rows, delimiter, UNCLOSED if unclosed else "text follows a closing quote")
    return _Attempt(rows, delimiter)


def _only_escapes(text: str, delimiter: str) -> str:
    """Double the backslashes that escape nothing, as Python's reader would drop them."""
    pattern = re.compile(_ESCAPED.format(delimiter=re.escape(delimiter)))
    return pattern.sub(lambda match: match.group() if match.group(1) else "\\\\", text)


def _with_nulls(rows: list[list[str]]) -> list[list[str]]:
    r"""`\N`, by which MySQL writes null where it escapes by backslashes, as an empty cell."""
    return [["" if cell == "\\N" else cell for cell in row] for row in rows]


def _is_literal(rows: list[list[str]]) -> bool:
    """Whether all rows have the same width and no cell is in quotes as a whole."""
    return len({len(row) for row in rows}) == 1 and not any(
        len(cell) > 1 and cell[0] == cell[-1] == '"' for row in rows for cell in row
    )


def _first_difference(one: list[list[str]], other: list[list[str]]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))
