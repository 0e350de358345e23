"""Metrics: numeric columns of the source that are compared with and without each tag."""

import difflib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from image_tags.tasks.contracts.errors import UsageError

NUMERIC = (
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_string,
    pa.types.is_large_string,
)
"""The types that a metric may have; text must be all numbers."""

Floats = npt.NDArray[np.float64]


def check_metrics(source: pa.Table, metrics: Sequence[str], cluster: str | None = None) -> None:
    """Check that tags can be compared by these columns, before anything is fetched.

    Raises:
        UsageError: one is no column of the source, or a metric is not numeric.
    """
    for metric in metrics:
        read_metric(source, metric)
    read_clusters(source, cluster)


def read_clusters(source: pa.Table, column: str | None) -> list[object] | None:
    """Read the label of each row's cluster, such as its author; None without a cluster column.

    Raises:
        UsageError: there is no such column.
    """
    if column is None:
        return None
    place = _find_column(source, column, "to group rows by")
    labels: list[object] = source.column(place).cast(pa.string()).to_pylist()
    return labels


def read_metric(source: pa.Table, metric: str) -> Floats:
    """Read a column of the source as numbers; NaN where there is none.

    Text counts as numbers if all of it is.

    Raises:
        UsageError: there is no such column, or it is not numeric.
    """
    place = _find_column(source, metric, "to compare tags by")
    column = source.column(place)
    kind = column.type
    if not any(fits(kind) for fits in NUMERIC):
        raise UsageError(
            f"The column {metric!r} is not numeric ({kind}): tags cannot be compared by it."
        )
    try:
        numbers = (
            column.cast(pa.float64(), safe=False)
            if not pa.types.is_boolean(kind)
            else column.cast(pa.int8())
        )
    except pa.ArrowInvalid:
        raise UsageError(
            f"The column {metric!r} holds text that is no number: tags cannot be compared by it."
        ) from None
    return np.asarray(
        numbers.to_pandas().to_numpy(dtype="float64", na_value=np.nan), dtype="float64"
    )


def _find_column(source: pa.Table, name: str, purpose: str) -> int:
    places: list[int] = source.schema.get_all_field_indices(name)
    if len(places) == 1:
        return places[0]
    if places:
        raise UsageError(f"The source has several columns called {name!r} {purpose}.")
    close = difflib.get_close_matches(name, source.column_names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise UsageError(f"The source has no column called {name!r} {purpose}.{hint}")
