"""The cache folder: what is prepared once on a machine and used by every later process."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import platformdirs

from image_tags.tasks.contracts.errors import UsageError

VARIABLE = "IMAGE_TAGS_CACHE"
"""Environment variable that puts the cache folder elsewhere."""


def cache_folder() -> Path:
    """Find the folder: `$IMAGE_TAGS_CACHE`, or where the platform keeps caches."""
    chosen = os.environ.get(VARIABLE)
    return (
        Path(chosen).expanduser()
        if chosen
        else platformdirs.user_cache_path("image-tags", appauthor=False)
    )


def prepare_file(name: str, make: Callable[[], bytes]) -> Path:
    """Return the cached file `name`, made first if it is not there.

    The name carries the version of what made it, so a newer version never reads an older file. The
    file appears in one step: processes that prepare it at the same time each write their own and
    the last one stays, and one that is killed leaves no half file under the name.

    Raises:
        UsageError: the folder cannot be written.

    """
    path = cache_folder() / name
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, make())
    except OSError as error:
        raise UsageError(
            f"The cache folder {path.parent} cannot be written ({error.strerror}): "
            f"set {VARIABLE} to one that can."
        ) from None
    return path


def write_atomically(path: Path, data: bytes) -> None:
    """Write a temporary file next to the target, then rename it."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
