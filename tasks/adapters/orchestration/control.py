"""What the supervisor of a run's process announces before it sends TERM.

A worker, and `prefect flow-run execute` in a container, first tell the process why it will be
ended. It acknowledges that only while Prefect's own handler of TERM is installed, which would raise
an error wherever the main thread is. Without an acknowledgement, a run that is to be rescheduled
gets KILL: with Prefect 3.8.8, all calls in flight were then paid for twice. Prefect has no public
way to bring a handler, so ours takes the place of its own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from prefect._internal.control_listener import get_intent
from prefect.utilities import engine


@contextmanager
def acknowledge_as(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Acknowledge announcements while this handler of TERM is installed, and the block runs."""
    with engine._prefect_sigterm_bridge_lock:
        before = engine._prefect_sigterm_handler
        engine._prefect_sigterm_handler = handler  # type: ignore[assignment]
    try:
        yield
    finally:
        with engine._prefect_sigterm_bridge_lock:
            engine._prefect_sigterm_handler = before


def has_successor() -> bool:
    """Whether the flow run goes on elsewhere once this process has ended, so its state stays.

    It may have begun there already.
    """
    return get_intent() in ("reschedule", "relinquish")
