"""Errors of reading files that callers tell apart."""

from image_tags.tasks.contracts.errors import UsageError


class EmptyFile(UsageError):
    """A file with nothing in it."""
