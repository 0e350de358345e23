"""For readers: the published tables as pandas DataFrames."""

import os
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from image_tags.tasks.adapters.files.errors import DamagedTable
from image_tags.tasks.adapters.files.tables import parquet_table
from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.adapters.store.store import NotInStore, Store
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.settings import StoreSettings
from image_tags.tasks.published.pointer import find_tables, read_pointer

TYPES: dict[pa.DataType, Any] = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(),
    pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
    pa.time64("ns"): pd.ArrowDtype(pa.time64("ns")),  # Python's own times know no nanoseconds
}
"""The types that pandas would otherwise lose digits of."""


def read_tables(
    store: str | os.PathLike[str],
    version: str | None = None,
    tables: Sequence[str] | None = None,
    *,
    region: str | None = None,
) -> dict[str, pd.DataFrame]:
    """Published tables by name, all of one version.

    Whole numbers are pandas' nullable ones (Int64), which stay whole where values are missing;
    lists are arrays. Nothing is written.

    Args:
        store: folder or `s3://bucket/prefix`.
        version: one that is kept (`image-tags versions`); by default the current one.
        tables: names, such as `["tagged"]`; by default all that the version has.
        region: AWS region; by default what boto3 finds by itself.

    Raises:
        UsageError: nothing was published yet, there is no such version or table, or it is damaged.
        DamagedPointer: what says which version is current cannot be read.
    """
    where = open_store(StoreSettings(store=os.fspath(store), region=region))
    keys = _find_keys(where, version)
    if unknown := [name for name in tables or () if name not in keys]:
        raise UsageError(
            f"There is no table {unknown[0]!r} in that version: it has {', '.join(keys)}."
        )
    return {name: _load_frame(where, keys[name]) for name in tables or keys}


def _find_keys(store: Store, version: str | None) -> dict[str, str]:
    pointer, _ = read_pointer(store)
    if pointer is None:
        raise UsageError(f"Nothing has been published yet in the store {store.address!r}.")
    if version in (None, pointer.version):
        return pointer.tables
    kept = [one.version for one in pointer.history]
    if version not in kept:
        raise UsageError(
            f"There is no version {version!r} in the store {store.address!r}: "
            f"kept are {', '.join(kept)}."
        )
    return find_tables(store, version)


def _load_frame(store: Store, key: str) -> pd.DataFrame:
    try:
        table = parquet_table(store.read(key))
    except (NotInStore, DamagedTable):
        raise UsageError(
            f"{store.locate(key)} is damaged or gone: read another version "
            "(`image-tags versions`), or point readers to one with `image-tags rollback VERSION`."
        ) from None
    frame: pd.DataFrame = table.to_pandas(types_mapper=TYPES.get)
    return frame
