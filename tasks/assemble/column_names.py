"""What our columns are called next to the source's."""

from collections.abc import Sequence

import pyarrow as pa

OF_SOURCE = b"column of the source, unchanged"

OURS = "image_tags_"
"""Put before a column of ours when the source has one of the same name."""


def name_columns(source: Sequence[str], *ours: Sequence[str]) -> list[str]:
    """The source's column names unchanged, then ours, with `image_tags_` before one that is taken.

    It is taken also by a name that differs only in case: DuckDB and Athena do not distinguish them.
    """
    names, taken = list(source), {name.casefold() for name in source}
    for name in (name for part in ours for name in part):
        candidate = name
        while candidate.casefold() in taken:
            candidate = OURS + candidate
        names.append(candidate)
        taken.add(candidate.casefold())
    return names


def list_renamed(source: Sequence[str], *ours: Sequence[str]) -> dict[str, str]:
    """Which columns of ours have another name next to the source's, and which name."""
    wanted = [name for part in ours for name in part]
    given = name_columns(source, *ours)[len(source) :]
    return {was: now for was, now in zip(wanted, given, strict=True) if was != now}


def join_schemas(source: pa.Schema, *ours: pa.Schema) -> pa.Schema:
    """The source's fields unchanged, then ours with the names that `name_columns` gives them.

    Every field's metadata describes it, for the codebook and for anyone who opens the Parquet file.
    """
    names = name_columns(source.names, *(part.names for part in ours))
    own = [
        field.with_metadata({**(field.metadata or {}), b"description": OF_SOURCE})
        for field in source
    ]
    fields = [*own, *(field for part in ours for field in part)]
    return pa.schema([field.with_name(name) for field, name in zip(fields, names, strict=True)])
