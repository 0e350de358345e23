"""What an expectation of our own can look at next to its own table."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property

from image_tags.expectations.profile import Profile, compute_profile
from image_tags.tasks.adapters.files.table_files import TableFile
from image_tags.tasks.contracts.checks import CheckContext


@dataclass(frozen=True)
class Subject:
    """The staged files, `source` included, and what else the gate knows."""

    tables: Mapping[str, TableFile]
    context: CheckContext

    @cached_property
    def profile(self) -> Profile:
        """What is compared with the last version."""
        rows = self.tables["source"].num_rows
        return compute_profile(rows, self.tables["images"], self.tables["tags_long"])

    @cached_property
    def last(self) -> Profile | None:
        """The last version's profile; None if nothing was published yet."""
        return None if self.context.last is None else Profile(**self.context.last)


# Great Expectations hands an expectation its own batch only; the rest comes this way.
_subject: ContextVar[tuple[Subject, str]] = ContextVar("subject")


@contextmanager
def use_subject(subject: Subject, table: str) -> Iterator[None]:
    """Within it, expectations look at this subject, of which one table is their own."""
    token = _subject.set((subject, table))
    try:
        yield
    finally:
        _subject.reset(token)


def current_subject() -> tuple[Subject, TableFile]:
    """What is being checked, and the table that the expectation is about."""
    subject, table = _subject.get()
    return subject, subject.tables[table]
