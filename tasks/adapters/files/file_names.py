"""What the names of files say: which are tables, which a pattern means, in which order they are
read. Local or on S3.
"""

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".parquet", ".pq")
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
"""Only gzip is read.

The others are found all the same, so that a sentence says so and nothing is missing in silence.
"""
WILD = re.compile(r"[*?[]")


def is_table_name(name: str) -> bool:
    """Whether a file's name promises a table, by its ending."""
    plain = name.lower()
    for ending in PACKED:
        plain = plain.removesuffix(ending)
    return plain.endswith(SUFFIXES)


def tables_of(names: Iterable[str]) -> list[str]:
    """Of paths below a folder, the tables in natural order: `part-2` before `part-10`.

    Names that begin with `.` or `_`, also of folders, are left out: what tools keep for themselves,
    such as `_SUCCESS`.
    """
    return sorted((name for name in _shown(names) if is_table_name(_last(name))), key=_natural)


def chosen(names: Iterable[str]) -> list[str]:
    """Of paths below a folder that a pattern matches, those that are meant: as `tables_of`.

    Where no name has the ending of a table, all are taken and their bytes decide.
    """
    shown = _shown(names)
    return tables_of(shown) or sorted(shown, key=_natural)


def matches(name: str, pattern: str) -> bool:
    """Whether a pattern means a path, as `glob` has it: a sign stays within a folder, `**` stands
    for any number.
    """
    return _matches(name.split("/"), pattern.split("/"))


def fixed_folder(pattern: str) -> tuple[str, str]:
    """A pattern's folders that hold no sign of one, with the `/` after them, and the rest."""
    parts = pattern.split("/")
    wild = next(
        (place for place, part in enumerate(parts[:-1]) if WILD.search(part)), len(parts) - 1
    )
    return "".join(f"{part}/" for part in parts[:wild]), "/".join(parts[wild:])


def _shown(names: Iterable[str]) -> list[str]:
    return [
        name
        for name in names
        if not any(part.startswith((".", "_")) or not part for part in name.split("/"))
    ]


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern or not parts:
        return not parts and not pattern
    if pattern[0] == "**":
        return any(_matches(parts[skip:], pattern[1:] or ["*"]) for skip in range(len(parts)))
    return fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _natural(name: str) -> list[tuple[int, str]]:
    return [
        (int(piece), "") if piece.isdecimal() else (-1, piece) for piece in re.split(r"(\d+)", name)
    ]
