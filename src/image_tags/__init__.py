"""A table of image links in, tidy tables of labels, words and celebrities out.

The public face of the package: everything else may move between versions.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from image_tags.tasks.contracts.errors import StopRun, UsageError

if TYPE_CHECKING:
    from image_tags.flows.notebook import plan_images, tag_images
    from image_tags.tasks.athena import athena_table
    from image_tags.tasks.matrix import expand_faces, tags_matrix
    from image_tags.tasks.read import read_tables

__all__ = [
    "StopRun",
    "UsageError",
    "athena_table",
    "expand_faces",
    "plan_images",
    "read_tables",
    "tag_images",
    "tags_matrix",
]

MODULES = {
    "athena_table": "image_tags.tasks.athena",
    "expand_faces": "image_tags.tasks.matrix",
    "plan_images": "image_tags.flows.notebook",
    "read_tables": "image_tags.tasks.read",
    "tag_images": "image_tags.flows.notebook",
    "tags_matrix": "image_tags.tasks.matrix",
}
"""Where each function is defined."""


def __getattr__(name: str) -> Any:
    """Import a function when it is first asked for: pandas and pyarrow take a second to import."""
    if name in MODULES:
        return getattr(import_module(MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
