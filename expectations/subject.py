"""What an expectation of our own may look at beside its own table."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from image_tags.expectations.profile import Profile, compute_profile
from image_tags.tasks.contracts.checks import CheckContext


@dataclass(frozen=True)
class Subject:
    """The staged tables, as read back from their files, and what else the gate knows."""

    tables: Mapping[str, pa.Table]
    context: CheckContext

    @cached_property
    def profile(self) -> Profile:
        """What is compared with the last version."""
        return compute_profile(
            self.context.source.num_rows, self.tables["images"], self.tables["tags_long"]
        )

    @cached_property
    def last(self) -> Profile | None:
        """The last version's profile; None if nothing was published yet."""
        return None if self.context.last is None else Profile(**self.context.last)


# Great Expectations hands an expectation its own batch only; the rest comes this way.
_subject: ContextVar[Subject] = ContextVar("subject")


@contextmanager
def use_subject(subject: Subject) -> Iterator[None]:
    """Within it, `current_subject()` returns this subject."""
    token = _subject.set(subject)
    try:
        yield
    finally:
        _subject.reset(token)


def current_subject() -> Subject:
    """What is being checked."""
    return _subject.get()
