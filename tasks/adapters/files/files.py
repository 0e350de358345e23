"""The user's files: their addresses and bytes, local or on S3, whatever they contain."""

import glob
from collections.abc import Iterable
from pathlib import Path

from image_tags.tasks.adapters.files.confinement import Confinement
from image_tags.tasks.adapters.files.file_names import (
    WILD,
    fixed_folder,
    select_matched,
    select_tables,
)
from image_tags.tasks.adapters.files.s3_files import expand_s3, read_s3
from image_tags.tasks.contracts.errors import UsageError


def expand_address(address: str, store: str | None = None) -> list[str]:
    """List the files at an address: one file, or those of a folder or pattern in natural order.

    Args:
        address: of a file, a folder or a pattern.
        store: files inside this store are not part of a folder, as its tables are made from the
            source.

    Raises:
        UsageError: nothing is there.
    """
    if address.startswith("s3://"):
        return expand_s3(address, store)
    try:
        return _expand_local(address, store)
    except OSError as error:
        raise UsageError(f"The source {address!r} cannot be read: {error.strerror}.") from None


def _expand_local(address: str, store: str | None) -> list[str]:
    path = Path(address).expanduser()
    if path.is_file():
        return [str(path)]
    if path.is_dir():
        below = _outside_store((one for one in path.rglob("*") if one.is_file()), store)
        found = select_tables(one.relative_to(path).as_posix() for one in below)
        return _joined_or_fail(
            path,
            found,
            f"There is no CSV, TSV, JSON Lines or Parquet file in the folder {address!r}.",
        )
    if WILD.search(address):
        folder, _ = fixed_folder(str(path))
        # Path.glob takes no absolute pattern.
        below = _outside_store(
            (
                Path(name)
                for name in glob.glob(str(path), recursive=True)  # noqa: PTH207
                if Path(name).is_file()
            ),
            store,
        )
        found = select_matched(one.relative_to(folder).as_posix() for one in below)
        return _joined_or_fail(
            Path(folder),
            found,
            f"No file matches {address!r} (names that begin with . or _ are left out).",
        )
    if path.exists():
        raise UsageError(f"The source {address!r} is not a file or folder.")
    raise UsageError(f"There is no file {address!r}.")


def read_bytes(address: str) -> bytes:
    """Read one file that `expand_address` listed.

    Raises:
        UsageError: it cannot be read, or a symbolic link leads where this worker may not go.
    """
    Confinement.from_environment().check("source", address)
    if address.startswith("s3://"):
        return read_s3(address)
    try:
        return Path(address).read_bytes()
    except OSError as error:
        raise UsageError(f"The file {address!r} cannot be read: {error.strerror}.") from None


def short_name(address: str) -> str:
    """Name the source for people: its last part that is a name and not `*`, without the ending."""
    for part in reversed(address.removeprefix("s3://").split("/")):
        name = part.removesuffix(".gz").rpartition(".")[0] or part
        if any(sign.isalnum() for sign in name):
            return name
    return address


def _outside_store(files: Iterable[Path], store: str | None) -> list[Path]:
    if store is None or "://" in store:
        return list(files)
    root = Path(store).expanduser().resolve()
    return [one for one in files if not one.resolve().is_relative_to(root)]


def _joined_or_fail(folder: Path, found: list[str], otherwise: str) -> list[str]:
    if not found:
        raise UsageError(otherwise)
    return [str(folder / name) for name in found]
