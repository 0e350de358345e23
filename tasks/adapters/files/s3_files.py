"""The user's files on S3: one file, those below a prefix, or those that match a pattern."""

from collections.abc import Iterator

from image_tags.tasks.adapters.files.file_names import (
    WILD,
    fixed_folder,
    matches_pattern,
    select_matched,
    select_tables,
)
from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.adapters.store.store import NotInStore, Store
from image_tags.tasks.contracts.errors import StopRun, UsageError
from image_tags.tasks.contracts.settings import StoreSettings


def expand_s3(address: str, store: str | None = None) -> list[str]:
    """List the files at an `s3://` address: one file, a folder (with or without `/`), or a pattern.

    Raises:
        UsageError: nothing is there, or it cannot be listed.

    """
    bucket, key = _split_address(address)
    try:
        # A key may contain wildcards. With `*` it is taken as a pattern at once: that only
        # needs the permission to list.
        if key and not key.endswith("/") and "*" not in key and _open_bucket(bucket).exists(key):
            return [address]
        if WILD.search(key):
            folder, pattern = fixed_folder(key)
            literal = WILD.split(key, maxsplit=1)[0]
            found = select_matched(
                name
                for name in _keys_below(bucket, literal, folder, store)
                if matches_pattern(name, pattern)
            )
            otherwise = f"No file matches {address!r} (names that begin with . or _ are left out)."
        else:
            folder = f"{key.rstrip('/')}/" if key else ""
            found = select_tables(_keys_below(bucket, folder, folder, store))
            otherwise = f"There is no CSV, TSV, JSON Lines or Parquet file at {address!r}."
    except StopRun as error:
        raise UsageError(f"The source {address!r} cannot be listed. {error}") from None
    if not found:
        raise UsageError(otherwise)
    return [f"s3://{bucket}/{folder}{name}" for name in found]


def read_s3(address: str) -> bytes:
    """Read one file on S3.

    Raises:
        UsageError: it does not exist or cannot be read.

    """
    bucket, key = _split_address(address)
    try:
        return _open_bucket(bucket).read(key)
    except NotInStore:
        raise UsageError(f"There is no file {address!r}.") from None
    except StopRun as error:
        raise UsageError(f"The source {address!r} cannot be read. {error}") from None


def _keys_below(bucket: str, prefix: str, folder: str, store: str | None) -> Iterator[str]:
    """Yield the keys below a prefix, relative to the folder, without those in the store."""
    inside = f"{store.rstrip('/')}/" if store else None
    for key in _open_bucket(bucket).keys(prefix):
        if inside is None or not f"s3://{bucket}/{key}".startswith(inside):
            yield key.removeprefix(folder)


def _split_address(address: str) -> tuple[str, str]:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    if key.startswith("/") or ".." in key.split("/"):
        raise UsageError(
            f"The source {address!r} cannot be read: its key begins with / or leads up by `..`."
        )
    return bucket, key


def _open_bucket(name: str) -> Store:
    return open_store(StoreSettings(store=f"s3://{name}"))
