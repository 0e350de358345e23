"""The user's files: their bytes, local or on S3, and nothing about what is in them."""

import glob
from pathlib import Path
from urllib.parse import urlsplit

from tasks.contracts.errors import UsageError

SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".parquet", ".pq")
GZIP = ".gz"


def expand(address: str) -> list[str]:
    """The files that an address names: itself, or, for a folder or a pattern, what is in it, in natural order.

    Raises:
        UsageError: nothing is there.
    """
    if address.startswith("s3://"):
        from tasks.adapters.s3_files import expand_s3  # boto3 is slow to import

        return expand_s3(address)
    path = Path(address).expanduser()
    if path.is_dir():
        found = [str(p) for p in path.rglob("*") if p.is_file() and is_table_name(p.name)]
        return _some(found, f"There is no CSV, TSV, JSON Lines or Parquet file in the folder {address!r}.")
    if path.is_file():
        return [str(path)]
    if any(sign in address for sign in "*?["):
        # Path.glob takes no absolute pattern.
        found = [name for name in glob.glob(str(path), recursive=True) if Path(name).is_file()]  # noqa: PTH207
        return _some(found, f"No file matches {address!r}.")
    if path.exists():
        raise UsageError(f"The source {address!r} is not a file or folder.")
    raise UsageError(f"There is no file {address!r}.")


def read_bytes(address: str) -> bytes:
    """The bytes of one file that `expand` named.

    Raises:
        UsageError: it cannot be read.
    """
    if address.startswith("s3://"):
        from tasks.adapters.s3_files import read_s3

        return read_s3(address)
    try:
        return Path(address).read_bytes()
    except OSError as error:
        raise UsageError(f"The file {address!r} cannot be read: {error.strerror}.") from None


def is_table_name(name: str) -> bool:
    """Whether a file's name promises a table; hidden files and markers such as `_SUCCESS` do not."""
    plain = name.lower().removesuffix(GZIP)
    return plain.endswith(SUFFIXES) and not name.startswith((".", "_"))


def short_name(address: str) -> str:
    """What people call the source: its last part, without the ending."""
    last = urlsplit(address).path if address.startswith("s3://") else address
    name = Path(last.rstrip("/")).name or address
    return name.split(".")[0] or name


def _some(found: list[str], otherwise: str) -> list[str]:
    if not found:
        raise UsageError(otherwise)
    return sorted(found)
