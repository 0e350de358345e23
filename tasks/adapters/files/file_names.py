"""File names: which are tables, which ones a pattern matches, and their order. Local or on S3."""

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".parquet", ".pq")
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
"""Endings of compressed files.

Only gzip can be read. The others are listed too, so that the run refuses them by name instead of
leaving them out in silence.
"""
WILD = re.compile(r"[*?[]")


def is_table_name(name: str) -> bool:
    """Whether a file's name ends like that of a table."""
    plain = name.lower()
    for ending in PACKED:
        plain = plain.removesuffix(ending)
    return plain.endswith(SUFFIXES)


def select_tables(names: Iterable[str]) -> list[str]:
    """Select the tables among paths below a folder, in natural order: `part-2` before `part-10`.

    Names that begin with `.` or `_`, also of folders, are left out: tools keep such files for
    themselves, for example `_SUCCESS`.
    """
    return sorted(
        (name for name in _without_hidden(names) if is_table_name(_file_name(name))),
        key=_natural_order,
    )


def select_matched(names: Iterable[str]) -> list[str]:
    """Select the tables among paths that a pattern matched, as `select_tables` does.

    Where no name ends like that of a table, all are taken and their bytes decide.
    """
    shown = _without_hidden(names)
    return select_tables(shown) or sorted(shown, key=_natural_order)


def matches_pattern(name: str, pattern: str) -> bool:
    """Whether a path matches a pattern as in `glob`: only `**` crosses folders."""
    return _matches_parts(name.split("/"), pattern.split("/"))


def fixed_folder(pattern: str) -> tuple[str, str]:
    """Split a pattern into its leading folders without wildcards, with `/`, and the rest."""
    parts = pattern.split("/")
    wild = next(
        (place for place, part in enumerate(parts[:-1]) if WILD.search(part)), len(parts) - 1
    )
    return "".join(f"{part}/" for part in parts[:wild]), "/".join(parts[wild:])


def _without_hidden(names: Iterable[str]) -> list[str]:
    return [
        name
        for name in names
        if not any(part.startswith((".", "_")) or not part for part in name.split("/"))
    ]


def _matches_parts(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern or not parts:
        return not parts and not pattern
    if pattern[0] == "**":
        return any(_matches_parts(parts[skip:], pattern[1:] or ["*"]) for skip in range(len(parts)))
    return fnmatchcase(parts[0], pattern[0]) and _matches_parts(parts[1:], pattern[1:])


def _file_name(name: str) -> str:
    return name.rpartition("/")[2]


def _natural_order(name: str) -> list[tuple[int, str]]:
    return [
        (int(piece), "") if piece.isdecimal() else (-1, piece) for piece in re.split(r"(\d+)", name)
    ]
