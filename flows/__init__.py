"""The flow, its settings, the command line, and `tag_images` for notebooks."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.notebook import tag_images

__all__ = ["tag_images"]


def __getattr__(name: str) -> Any:
    """Import `tag_images` when it is asked for: pandas is slow to import."""
    if name == "tag_images":
        from flows.notebook import tag_images

        return tag_images
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
