"""Staged tables: what a run made so far, below `runs/<run>/`, exactly as it will be checked and published."""

import pyarrow as pa

from image_tags.tasks.adapters.files.tables import parquet_bytes, parquet_table
from image_tags.tasks.adapters.store.store import PARQUET, Store
from image_tags.tasks.records import run_key


def stage(store: Store, run: str, name: str, table: pa.Table) -> None:
    """Write a table as `runs/<run>/<name>.parquet`."""
    store.write(staged_key(run, name), parquet_bytes(table), PARQUET)


def staged(store: Store, run: str, name: str) -> pa.Table:
    """Read it again."""
    return parquet_table(store.read(staged_key(run, name)))


def staged_key(run: str, name: str) -> str:
    """Where a staged table lies in the store."""
    return run_key(run, f"{name}.parquet")


def is_staged(store: Store, run: str, name: str) -> bool:
    """Whether the run has made this table."""
    return store.exists(staged_key(run, name))
