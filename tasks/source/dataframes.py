"""A pandas DataFrame as a source, and published tables as DataFrames that merge back onto it."""

from collections.abc import Hashable
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from image_tags.tasks.adapters.files.column_types import unique_names
from image_tags.tasks.adapters.files.tables import parquet_bytes
from image_tags.tasks.adapters.files.value_text import value_text
from image_tags.tasks.contracts.errors import UsageError

UNFIT = (pa.ArrowException, OSError, OverflowError, UnicodeEncodeError)
"""What pyarrow raises for values that no Arrow type holds, or types that Parquet does not."""


def source_table(frame: pd.DataFrame) -> pa.Table:
    """Convert the frame to a table for Parquet: its columns, then the named levels of its index.

    Labels become text, a later one of several equal ones with `.1` after it. A column that Parquet
    cannot hold as it is (mixed types, Python objects, periods, intervals) becomes text: strings as
    they are, numbers, lists and dicts as JSON, anything else by `str`.
    """
    columns = [frame.iloc[:, at] for at in range(frame.shape[1])]
    levels = [pd.Series(frame.index.get_level_values(at)) for at in _named_levels(frame)]
    return pa.table(
        [_arrow_column(values) for values in (*columns, *levels)], names=_column_names(frame)
    )


def stored_name(frame: pd.DataFrame, label: Hashable) -> str:
    """Look up the name in `source_table` of the column (or named index level) with this label.

    Raises:
        UsageError: several columns have this label.
    """
    labels = [*frame.columns, *(frame.index.names[at] for at in _named_levels(frame))]
    places = [at for at, one in enumerate(labels) if one == label]
    if len(places) > 1:
        raise UsageError(
            f"The frame has {len(places)} columns {label!r}: rename one, as it is not clear which "
            "is meant."
        )
    return _column_names(frame)[places[0]] if places else str(label)


def restore_index(frame: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Give `images` the frame's index: each row gets the label of the frame's row it belongs to."""
    return images.set_axis(frame.index.take(images["row"].to_numpy(dtype="int64")), axis=0)


def restore_frame(frame: pd.DataFrame, tagged: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Give `tagged` the frame's own columns and index in place of their Parquet versions.

    Args:
        frame: the source.
        tagged: as published: the columns of `source_table`, then ours.
        images: as published, one row for each row of `tagged`.
    """
    ours = tagged.iloc[:, len(_column_names(frame)) :]
    theirs = frame.take(images["row"].to_numpy(dtype="int64"))
    both = pd.concat([theirs.reset_index(drop=True), ours], axis=1)
    both.columns = _with_ours(frame.columns, list(ours.columns))
    return both.set_axis(theirs.index, axis=0)


def _named_levels(frame: pd.DataFrame) -> list[int]:
    return [at for at, name in enumerate(frame.index.names) if name is not None]


def _column_names(frame: pd.DataFrame) -> list[str]:
    labels = [*frame.columns, *(frame.index.names[at] for at in _named_levels(frame))]
    return unique_names(
        [".".join(map(str, label)) if isinstance(label, tuple) else str(label) for label in labels]
    )


def _with_ours(columns: pd.Index, ours: list[str]) -> pd.Index:
    """Append our names to the frame's labels; with several levels, our lower levels are empty."""
    if isinstance(columns, pd.MultiIndex):
        empty = [""] * (columns.nlevels - 1)
        return columns.append(
            pd.MultiIndex.from_tuples([(name, *empty) for name in ours], names=columns.names)
        )
    dtype = object if columns.dtype == object else None  # else pandas converts objects to text
    return pd.Index([*columns, *ours], dtype=dtype, name=columns.name, tupleize_cols=False)


def _arrow_column(values: pd.Series) -> pa.ChunkedArray:
    with suppress(*UNFIT):
        made = pa.array(values, from_pandas=True)
        column = made if isinstance(made, pa.ChunkedArray) else pa.chunked_array([made])
        if not _has_extension_type(column.type):
            parquet_bytes(
                pa.table([column.slice(0, 0)], names=[""])
            )  # Arrow has types that Parquet lacks
            return column
    return pa.chunked_array([pa.array(map(_frame_text, values), pa.string())])


def _has_extension_type(kind: pa.DataType) -> bool:
    """Whether the type is or contains an extension type (period, interval, UUID).

    Not every Parquet reader knows them.
    """
    if pa.types.is_dictionary(kind):
        return _has_extension_type(kind.value_type)
    return isinstance(kind, pa.BaseExtensionType) or any(
        _has_extension_type(kind.field(at).type) for at in range(kind.num_fields)
    )


def _frame_text(value: Any) -> str | None:
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    text = value_text(value)
    return None if text is None else text.encode("utf-8", "backslashreplace").decode()
