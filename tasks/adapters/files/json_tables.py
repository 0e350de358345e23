"""Tables written as JSON: JSON Lines, a list of objects, or an object around one."""

import json
import re
from typing import Any

import pyarrow as pa

from image_tags.tasks.adapters.files.column_types import unique_names
from image_tags.tasks.adapters.files.json_shapes import rows_in_document, rows_in_list
from image_tags.tasks.adapters.files.value_text import value_text
from image_tags.tasks.contracts.errors import UsageError

DEEPEST = 50
"""Levels of lists and objects in a cell; deeper ones stay JSON text, as few readers of Parquet
follow them.
"""

_ASSIGNMENT = re.compile(r"\s*(?:(?:var|let|const)\s+)?[\w.$]{1,200}\s*=\s*(?=[\[{])")
_LIST_OR_OBJECT = re.compile(r"\[\s*[{\"]|\{\s*\"")
_NUL = re.compile("\0+")


def is_json_name(name: str) -> bool:
    """Whether a file's name, in lower case and without `.gz`, ends like one of JSON."""
    return name.endswith((".jsonl", ".ndjson", ".json", ".js"))


def begins_like_json(text: str) -> bool:
    """Whether a text begins with a JSON object, also one assigned to a name of JavaScript."""
    begin = text[:1000].lstrip()
    return begin.startswith("{") or _ASSIGNMENT.match(begin) is not None


def is_json(text: str) -> bool:
    """Whether a text is a JSON list of objects or texts, or has one JSON object per line."""
    begin = text.lstrip()
    if not _LIST_OR_OBJECT.match(begin):
        return False
    first_line = begin.partition("\n")[0]
    try:
        value = json.loads(first_line if begin.startswith("{") else begin)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict | list)


def read_json(name: str, text: str) -> tuple[pa.Table, list[str]]:
    """Read JSON: one object per row, one column per key; sentences say what was guessed.

    Raises:
        UsageError: it is not JSON, or it is not clear where its rows are; the sentence names what
            the file is.
    """
    remarks = []
    if nuls := text.count("\0"):
        line = text.count("\n", 0, text.index("\0")) + 1
        text = _NUL.sub("", text)
        remarks.append(f"{nuls:,} NUL characters were dropped (the first in line {line}).")
    if assignment := _ASSIGNMENT.match(text):
        text = text[assignment.end() :].rstrip().rstrip(";")
    values, is_document = _parse_values(name, text)
    if is_document and len(values) == 1 and isinstance(values[0], dict):
        found = rows_in_document(name, values[0])
    else:
        found = rows_in_list(values[0] if is_document else values)
    remarks += found.remarks
    for number, row in enumerate(found.rows, 1):
        if not isinstance(row, dict):
            raise UsageError(
                f"The file {name!r} is not JSON Lines: record {number} is not an object."
            )
    return _table(found.rows), remarks


def _parse_values(name: str, text: str) -> tuple[list[Any], bool]:
    """The values in the text, and whether it is one document instead of one value per line."""
    by_line = name.lower().removesuffix(".gz").endswith((".jsonl", ".ndjson"))
    try:
        if text.lstrip()[:1] == "[":
            return [json.loads(text)], True
        values = _lines(text)
        return values, len(values) == 1 and not by_line
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The file {name!r} is not JSON Lines: {_first_line(error)}.") from None


def _lines(text: str) -> list[Any]:
    """One value per line, or values that follow one another over several lines each.

    Raises:
        ValueError: neither; it names the line.
    """
    values = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            values.append(json.loads(line))
        except json.JSONDecodeError as error:
            documents = _documents(text)
            if documents is None:
                place = f"line {number} column {error.colno}"
                raise ValueError(f"{error.msg}: {place}") from None
            return documents
    return values


def _documents(text: str) -> list[Any] | None:
    """Values that follow one another, each over several lines, as `jq` writes them."""
    decoder, values, at = json.JSONDecoder(), [], 0
    length = len(text.rstrip())
    while at < length:
        while text[at].isspace():
            at += 1
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            return None
        values.append(value)
    return values


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    names = list(dict.fromkeys(key for row in rows for key in row))
    return pa.table(
        [_column([row.get(key) for row in rows]) for key in names],
        names=unique_names(list(map(_valid_text, names))),
    )


def _column(values: list[Any]) -> pa.Array:
    try:
        made = pa.array(values)
        if _keeps_values(made.type, values):
            return made
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        pass
    # Mixed types in one column, half a character: each value as its JSON text, strings as they are.
    return pa.array([_cell_text(value) for value in values], pa.string())


def _cell_text(value: Any) -> str | None:
    text = value_text(value)
    return None if text is None else _valid_text(text)


def _keeps_values(kind: pa.DataType, values: list[Any], depth: int = 0) -> bool:
    """Whether the type keeps the values as they are.

    Arrow takes true for 1.0 among decimals, and Parquet has no empty objects.
    """
    if pa.types.is_list(kind):
        items = [item for value in values if value is not None for item in value]
        return depth < DEEPEST and _keeps_values(kind.value_type, items, depth + 1)
    if pa.types.is_struct(kind):
        objects = [value for value in values if value is not None]
        members = ((field.type, [one.get(field.name) for one in objects]) for field in kind)
        return (
            kind.num_fields > 0
            and depth < DEEPEST
            and all(_keeps_values(of, held, depth + 1) for of, held in members)
        )
    return not pa.types.is_floating(kind) or not any(isinstance(value, bool) for value in values)


def _valid_text(text: str) -> str:
    """The text; half a character (a surrogate without its other half) as JSON writes it."""
    return text.encode("utf-8", "backslashreplace").decode()


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")
