"""The extra `dask`: imported when a run asks for it."""

import sys
from typing import TYPE_CHECKING

from image_tags.tasks.contracts.errors import UsageError

if TYPE_CHECKING:
    from image_tags.tasks.adapters.orchestration.dask import Dask


def import_dask() -> "type[Dask]":
    """Import the class of clusters.

    Raises:
        UsageError: the extra is not installed, or not for this Python.

    """
    try:
        # Need not be installed, and takes 1 s to import.
        from image_tags.tasks.adapters.orchestration.dask import Dask
    except ImportError:
        install = f"{sys.executable} -m pip install 'image-tags[dask]'"
        raise UsageError(f"--runner dask needs the extra `dask`: {install}") from None
    return Dask
