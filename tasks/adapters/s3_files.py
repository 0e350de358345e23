"""The user's files on S3: a file, what lies below a prefix, or what a pattern matches."""

from fnmatch import fnmatchcase

from tasks.adapters.s3 import S3Store
from tasks.adapters.store import NotInStore
from tasks.contracts.errors import StopRun, UsageError
from tasks.contracts.settings import StoreSettings


def expand_s3(address: str) -> list[str]:
    """The files that an `s3://` address names; a `/` at its end or a pattern names several.

    Raises:
        UsageError: nothing is there, or it cannot be asked.

    """
    from tasks.adapters.files import is_table_name

    bucket, key = _parts(address)
    prefix, star, _ = key.partition("*")
    if not star and key and not key.endswith("/"):
        return [address]
    try:
        keys = list(_bucket(bucket).keys(prefix.rpartition("/")[0] + "/" if "/" in prefix else ""))
    except StopRun as error:
        raise UsageError(f"The source {address!r} cannot be listed. {error}") from None
    names = [one for one in keys if is_table_name(one.rpartition("/")[2]) and (not star or fnmatchcase(one, key))]
    if not names:
        raise UsageError(f"There is no CSV, TSV, JSON Lines or Parquet file at {address!r}.")
    return [f"s3://{bucket}/{name}" for name in names]


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


def _parts(address: str) -> tuple[str, str]:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return bucket, key


def _bucket(name: str) -> S3Store:
    return S3Store(StoreSettings(store=f"s3://{name}"))
