"""Tables written as text with delimiters: CSV and its like. No cell is changed on the way."""

import pyarrow as pa

from image_tags.tasks.adapters.files.column_types import typed_column, unique_names
from image_tags.tasks.adapters.files.delimiters import NAMES, find_delimiter, join_links
from image_tags.tasks.adapters.files.errors import EmptyFile
from image_tags.tasks.adapters.files.headers import has_header, made_names
from image_tags.tasks.adapters.files.quoting import drop_nuls, split_rows
from image_tags.tasks.contracts.display import counted
from image_tags.tasks.contracts.errors import UsageError


def read_delimited(
    name: str, text: str, header: bool | None = None, delimiter: str | None = None
) -> tuple[pa.Table, list[str]]:
    """Read a text table, and say in sentences what was guessed.

    Args:
        name: of the file.
        text: what is in it.
        header: whether the first row holds column names; None: it does unless it holds a link.
        delimiter: None: found by looking.

    Raises:
        UsageError: a row is too long, or quotes cannot be read; the sentence names the row.
    """
    found = find_delimiter(name, text, delimiter, header)
    split = drop_nuls(split_rows(name, text[found.begin :], found.character))
    rows, remarks = split.rows, [remark for remark in (found.remark, *split.remarks) if remark]
    if not rows:
        raise EmptyFile(f"The file {name!r} is empty.")
    names = rows.pop(0) if (has_header(rows) if header is None else header) else None
    if names is None:
        names = made_names(len(rows[0]))
        listed = ", ".join(map(repr, names[:3])) + (", ..." if len(names) > 3 else "")
        how = "" if header is False else " holds a link, so it"
        remarks.append(f"The first line{how} is data; the columns are called {listed} (--header).")
    quoted = text.startswith('"', found.begin)
    names, more = _fit_rows(name, names, rows, found.character, quoted=quoted)
    columns = [typed_column([row[place] for row in rows]) for place in range(len(names))]
    return pa.table(columns, names=unique_names(names)), remarks + more


def _fit_rows(
    name: str, names: list[str], rows: list[list[str]], delimiter: str, *, quoted: bool
) -> tuple[list[str], list[str]]:
    """Give every row as many cells as there are names, in place; the names, and sentences."""
    remarks = []
    joined = 0
    for place, row in enumerate(rows):
        if len(row) > len(names):
            rows[place] = join_links(row, delimiter, len(names))
            joined += len(rows[place]) < len(row)
    if joined:
        what = NAMES.get(delimiter, repr(delimiter))
        remarks.append(
            f"In {counted(joined, 'row')} a {what} inside a link is not taken for a delimiter."
        )
    if rows and all(len(row) == len(names) + 1 for row in rows):
        if not any(row[-1] for row in rows):
            for row in rows:
                row.pop()
            remarks.append("Every row ends with a delimiter; the empty cells there are dropped.")
        elif len(rows) > 1 or quoted:
            names = ["", *names]
            remarks.append(
                "The header has one name less than the rows have cells: the first column is taken "
                "for row names, as R writes them, and has no name."
            )
    shortened = sum(_drop_empty_end(row, len(names)) for row in rows)
    if shortened:
        remarks.append(
            f"In {counted(shortened, 'row')} empty cells beyond the last column were dropped."
        )
    for number, row in enumerate(rows, 1):
        if len(row) > len(names):
            what = NAMES.get(delimiter, repr(delimiter))
            raise UsageError(
                f"The file {name!r} is not a table: row {number} has {len(row)} cells under "
                f"{len(names)} column names (a cell with a {what} in it must be quoted)."
            )
        row.extend([""] * (len(names) - len(row)))
    return names, remarks


def _drop_empty_end(row: list[str], width: int) -> bool:
    """Cut a row, in place, to the width where all cells beyond it are empty."""
    too_long = len(row) > width and not any(row[width:])
    if too_long:
        del row[width:]
    return too_long
