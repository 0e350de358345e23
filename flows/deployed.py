"""The process of a deployment's flow run: signals end it in order, as they do a command."""

from collections.abc import Iterator
from contextlib import contextmanager

from prefect.runtime import deployment

from image_tags.flows.signals import leave_to_listener, listen
from image_tags.tasks.adapters.orchestration.control import acknowledge_as


@contextmanager
def end_in_order() -> Iterator[None]:
    """Listen for signals while the block runs, if this is the process of a deployment's run.

    The command line listens by itself, and a notebook's kernel goes on.
    """
    if not deployment.id:
        yield
        return
    with listen() as listener:
        if listener is None:
            yield
            return
        with acknowledge_as(leave_to_listener):
            yield
