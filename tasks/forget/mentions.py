"""Where links and pictures are mentioned: in tables, and in text."""

import json
import re
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

IMAGE_ID = re.compile("[0-9a-f]{64}")

EDGE = (r"(?:^|[\s,;|\"'<>(\[{])", r"(?:$|[\s,;|\"'<>)\]}\\\\])")
"""What may be before and after a link in a cell."""

AT_ONCE = 200
"""Identifiers that are searched for in one pass over a column."""


def mark_mentions(table: pa.Table, identifiers: Iterable[str]) -> pa.Array:
    """Mark the lines of a table that hold one of some links or image ids in any cell of text."""
    wanted = sorted(identifiers)
    marked = pa.repeat(pa.scalar(False), table.num_rows)
    for column in table.columns if wanted else []:
        if (texts := _as_text(column)) is None:
            continue
        for at in range(0, len(wanted), AT_ONCE):
            pattern = _join_pattern(wanted[at : at + AT_ONCE])
            hits = pc.fill_null(pc.match_substring_regex(texts, pattern), False)
            marked = pc.or_(marked, hits.combine_chunks())
    return marked


def has_mention(text: str, identifiers: Iterable[str]) -> bool:
    """Whether a text, as it is or as JSON, holds one of some links or image ids."""
    wanted = {form for one in identifiers for form in (one, json.dumps(one)[1:-1])}
    return bool(wanted) and re.search(_join_pattern(sorted(wanted)), text) is not None


def mark_equal(column: pa.ChunkedArray, value: str) -> pa.Array:
    """Mark the cells that are this value as people type it: `7` is also 7.0, and `true` is True."""
    spelled = pa.array(
        [cell is not None and str(cell) == value for cell in column.to_pylist()], pa.bool_()
    )
    try:
        wanted = pa.scalar(value, pa.string()).cast(column.type)
        same = pc.fill_null(pc.equal(column, wanted), False)
    except pa.ArrowException:  # not a value of this type
        return spelled
    return pc.or_(spelled, same.combine_chunks())


def _join_pattern(identifiers: Iterable[str]) -> str:
    """Match any of them: an image id anywhere, a link only as a whole.

    The link to someone else's picture may begin with the same characters.
    """
    parts = [
        re.escape(one) if IMAGE_ID.fullmatch(one) else EDGE[0] + re.escape(one) + EDGE[1]
        for one in identifiers
    ]
    return "|".join(parts)


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """A column as text; None for one whose cells can hold neither link nor image id."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _as_text(column.cast(kind.value_type))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column
    if not pa.types.is_nested(kind) and not pa.types.is_binary(kind):
        return None
    values = [None if one is None else str(one) for one in column.to_pylist()]
    return pa.chunked_array([pa.array(values, pa.string())])
