"""What a supervisor announces is acknowledged although Prefect's handler of TERM is replaced."""

import signal

import pytest
from prefect.utilities.engine import can_ack_control_intent

from image_tags.tasks.adapters.orchestration.control import acknowledge_as


@pytest.fixture
def handler():
    def ignore(number, frame):
        pass

    before = signal.signal(signal.SIGTERM, ignore)
    yield ignore
    signal.signal(signal.SIGTERM, before)


def test_announcements_are_acknowledged_while_the_block_runs(handler):
    assert not can_ack_control_intent()
    with acknowledge_as(handler):
        assert can_ack_control_intent()
    assert not can_ack_control_intent()


def test_not_with_another_handler_than_the_one_installed(handler):
    with acknowledge_as(lambda number, frame: None):
        assert not can_ack_control_intent()
