"""A table of image links in, tidy tables of labels, words and celebrities out.

The public face of the package: everything else may move between versions.
"""

from typing import TYPE_CHECKING, Any

from image_tags.tasks.contracts.errors import StopRun, UsageError

if TYPE_CHECKING:
    from image_tags.flows.notebook import tag_images
    from image_tags.tasks.athena import athena_table
    from image_tags.tasks.read import read_tables

__all__ = ["StopRun", "UsageError", "athena_table", "read_tables", "tag_images"]


def __getattr__(name: str) -> Any:
    """Import a function when it is first asked for: pandas and pyarrow take a second to import."""
    if name == "tag_images":
        from image_tags.flows.notebook import tag_images

        return tag_images
    if name == "athena_table":
        from image_tags.tasks.athena import athena_table

        return athena_table
    if name == "read_tables":
        from image_tags.tasks.read import read_tables

        return read_tables
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
