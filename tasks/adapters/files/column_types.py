"""Type columns of text: numbers only where every value, written again, is the same text."""

import re
from collections.abc import Sequence

import pyarrow as pa

INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
INT64 = range(-(2**63), 2**63)


def typed_column(values: Sequence[str]) -> pa.Array:
    """Convert a column of text; empty text becomes null.

    Whole numbers up to 2^63-1 become int64, as `pandas.read_csv` has them, so that ids merge.
    """
    filled = [value for value in values if value != ""]
    if filled and all(map(_is_integer, filled)):
        return pa.array([int(value) if value else None for value in values], pa.int64())
    if filled and all(map(_is_float, filled)):
        return pa.array([float(value) if value else None for value in values], pa.float64())
    return pa.array([value or None for value in values], pa.string())


def unique_names(names: Sequence[str]) -> list[str]:
    """Make names unique: a later one of several equal ones gets `.1`, `.2`, ... at its end."""
    given, used = set(names), set[str]()
    unique: list[str] = []
    for name in names:
        candidate, count = name, 0
        while candidate in used or (count and candidate in given):
            count += 1
            candidate = f"{name}.{count}"
        used.add(candidate)
        unique.append(candidate)
    return unique


def _is_integer(text: str) -> bool:
    return INTEGER.fullmatch(text) is not None and text != "-0" and int(text) in INT64


def _is_float(text: str) -> bool:
    try:
        return repr(float(text)) == text or (_is_integer(text) and abs(int(text)) < 2**53)
    except ValueError:
        return False
