"""The user's files on S3: a file, what lies below a prefix, or what a pattern matches."""

from collections.abc import Iterator

from image_tags.tasks.adapters.files.file_names import (
    WILD,
    chosen,
    fixed_folder,
    matches,
    tables_of,
)
from image_tags.tasks.adapters.store.s3 import S3Store
from image_tags.tasks.adapters.store.store import NotInStore
from image_tags.tasks.contracts.errors import StopRun, UsageError
from image_tags.tasks.contracts.settings import StoreSettings


def expand_s3(address: str, beside: str | None = None) -> list[str]:
    """The files that an `s3://` address names: itself, a folder with or without `/` at its end, or
    a pattern.

    Raises:
        UsageError: nothing is there, or it cannot be asked.

    """
    bucket, key = _parts(address)
    try:
        # A key may hold these signs; `*` is asked for as a pattern at once, as that needs no right
        # but to list.
        if key and not key.endswith("/") and "*" not in key and _bucket(bucket).exists(key):
            return [address]
        if WILD.search(key):
            folder, pattern = fixed_folder(key)
            literal = WILD.split(key, maxsplit=1)[0]
            found = chosen(
                name for name in _below(bucket, literal, folder, beside) if matches(name, pattern)
            )
            otherwise = f"No file matches {address!r} (names that begin with . or _ are left out)."
        else:
            folder = f"{key.rstrip('/')}/" if key else ""
            found = tables_of(_below(bucket, folder, folder, beside))
            otherwise = f"There is no CSV, TSV, JSON Lines or Parquet file at {address!r}."
    except StopRun as error:
        raise UsageError(f"The source {address!r} cannot be listed. {error}") from None
    if not found:
        raise UsageError(otherwise)
    return [f"s3://{bucket}/{folder}{name}" for name in found]


def read_s3(address: str) -> bytes:
    """The bytes of one file on S3.

    Raises:
        UsageError: it is not there or cannot be read.

    """
    bucket, key = _parts(address)
    try:
        return _bucket(bucket).read(key)
    except NotInStore:
        raise UsageError(f"There is no file {address!r}.") from None
    except StopRun as error:
        raise UsageError(f"The source {address!r} cannot be read. {error}") from None


def _below(bucket: str, prefix: str, folder: str, beside: str | None) -> Iterator[str]:
    """What begins with a prefix and is not in the store, by its path from a folder."""
    store = f"{beside.rstrip('/')}/" if beside else None
    for key in _bucket(bucket).keys(prefix):
        if store is None or not f"s3://{bucket}/{key}".startswith(store):
            yield key.removeprefix(folder)


def _parts(address: str) -> tuple[str, str]:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    if key.startswith("/") or ".." in key.split("/"):
        raise UsageError(
            f"The source {address!r} cannot be read: its key begins with / or leads up by `..`."
        )
    return bucket, key


def _bucket(name: str) -> S3Store:
    return S3Store(StoreSettings(store=f"s3://{name}"))
