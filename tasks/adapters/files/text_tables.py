"""Tables written as text: CSV, TSV, JSON Lines. Nothing in a cell is changed on the way."""

import csv
import io
import json
import re
import sys
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from image_tags.tasks.contracts.errors import UsageError

INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
QUOTED = re.compile(r'"[^"]*"')

SEPARATORS = {",": "comma", "\t": "tab", ";": "semicolon"}

DEEPEST = 50
"""Levels of lists and objects in a cell; what is deeper stays JSON text: not every reader of
Parquet goes down there.
"""


def separator_in(name: str, text: str) -> str:
    """What parts the cells: by the name's ending, else by the first line.

    Where decimals have a comma, spreadsheets part cells by semicolons: these count if the first
    line has no comma.
    """
    first = QUOTED.sub("", text.lstrip("\r\n").split("\n", 1)[0])
    if name.endswith(".tsv") or (not name.endswith(".csv") and "\t" in first):
        return "\t"
    return ";" if ";" in first and "," not in first else ","


def separated(name: str, text: str, separator: str) -> pa.Table:
    """CSV, or its like with another separator: a header and rows, of which short ones are filled
    up.

    Raises:
        UsageError: a row is too long, or a quote is never closed.
    """
    lines = _lines(name, text, separator)
    header, rows = lines[0], lines[1:]
    for number, row in enumerate(rows, 1):
        if len(row) > len(header):
            raise UsageError(
                f"The file {name!r} is not a table: row {number} has {len(row)} cells under {len(header)} column names "
                f"(a cell with a {SEPARATORS[separator]} in it must be quoted)."
            )
        row.extend([""] * (len(header) - len(row)))
    columns = [_typed([row[place] for row in rows]) for place in range(len(header))]
    return pa.table(columns, names=unique_names(header))


def _lines(name: str, text: str, separator: str) -> list[list[str]]:
    csv.field_size_limit(sys.maxsize)
    for strict in (True, False):
        # A stray quote inside a cell is read as it stands; a quote that is never closed would
        # swallow the rest.
        try:
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=strict)
            return [line for line in reader if line]
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                raise UsageError(
                    f"The file {name!r} is not a table: a quote is opened and never closed."
                ) from None
    raise UsageError(f"The file {name!r} is not a table.")


def json_lines(name: str, text: str) -> pa.Table:
    """JSON Lines, or one JSON list: an object a row, a column a key.

    Raises:
        UsageError: it is neither.
    """
    rows: list[dict[str, Any]] = []
    try:
        whole = json.loads(text) if text.lstrip()[:1] == "[" else None
        found = (
            whole
            if isinstance(whole, list)
            else [json.loads(line) for line in text.split("\n") if line.strip()]
        )
    except (json.JSONDecodeError, RecursionError) as error:
        raise UsageError(f"The file {name!r} is not JSON Lines: {_first_line(error)}.") from None
    for number, row in enumerate(found, 1):
        if not isinstance(row, dict):
            raise UsageError(
                f"The file {name!r} is not JSON Lines: record {number} is not an object."
            )
        rows.append(row)
    names = list(dict.fromkeys(key for row in rows for key in row))
    return pa.table(
        [_column([row.get(key) for row in rows]) for key in names],
        names=unique_names(list(map(_utf8, names))),
    )


def _typed(values: list[str]) -> pa.Array:
    filled = [value for value in values if value != ""]
    if filled and all(INTEGER.fullmatch(value) and value != "-0" for value in filled):
        return pa.array([int(value) if value else None for value in values], pa.int64())
    if filled and all(_is_float(value) for value in filled):
        return pa.array([float(value) if value else None for value in values], pa.float64())
    return pa.array([value or None for value in values], pa.string())


def _is_float(text: str) -> bool:
    try:
        return repr(float(text)) == text or (
            INTEGER.fullmatch(text) is not None and text != "-0" and abs(int(text)) < 2**53
        )
    except ValueError:
        return False


def _column(values: list[Any]) -> pa.Array:
    try:
        made = pa.array(values)
        if _faithful(made.type, values):
            return made
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        pass
    # Mixed types in one column, half a character: each value as its JSON text, strings as they are.
    return pa.array(
        [
            v
            if v is None
            else _utf8(v if isinstance(v, str) else json.dumps(v, ensure_ascii=False))
            for v in values
        ]
    )


def _faithful(kind: pa.DataType, values: list[Any], depth: int = 0) -> bool:
    """Whether the type says what the values say: Arrow takes true for 1.0 among decimals, Parquet
    has no empty objects.
    """
    if pa.types.is_list(kind):
        return depth < DEEPEST and _faithful(
            kind.value_type, [one for v in values if v is not None for one in v], depth + 1
        )
    if pa.types.is_struct(kind):
        objects = [value for value in values if value is not None]
        members = ((field.type, [one.get(field.name) for one in objects]) for field in kind)
        return (
            kind.num_fields > 0
            and depth < DEEPEST
            and all(_faithful(of, held, depth + 1) for of, held in members)
        )
    return not pa.types.is_floating(kind) or not any(isinstance(value, bool) for value in values)


def _utf8(text: str) -> str:
    """The text; half a character (a surrogate without its other half) as JSON writes it."""
    return text.encode("utf-8", "backslashreplace").decode()


def unique_names(names: Sequence[str]) -> list[str]:
    """The names, a later one of several equal ones with `.1`, `.2`, ... after it."""
    unique: list[str] = []
    for name in names:
        candidate, count = name, 0
        while candidate in unique or (count and candidate in names):
            count += 1
            candidate = f"{name}.{count}"
        unique.append(candidate)
    return unique


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")
