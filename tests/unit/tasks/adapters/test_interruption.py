"""No call begins after a request to end, and those in flight are waited for."""

import threading

import pytest

from image_tags.tasks.adapters.interruption import Interrupted, Interruption


def test_no_call_begins_after_the_request():
    interruption = Interruption()
    interruption.request()
    with pytest.raises(Interrupted), interruption.call():
        pytest.fail("it began")
    with pytest.raises(Interrupted):
        interruption.check()


def test_a_call_in_flight_is_waited_for():
    interruption = Interruption()
    begun, answered = threading.Event(), threading.Event()

    def call():
        with interruption.call():
            begun.set()
            assert answered.wait(60)

    thread = threading.Thread(target=call)
    thread.start()
    assert begun.wait(60)
    interruption.request()
    assert not interruption.wait_until_idle(0.05)
    answered.set()
    assert interruption.wait_until_idle(10)
    thread.join()


def test_a_failed_call_is_no_longer_in_flight():
    interruption = Interruption()
    with pytest.raises(ZeroDivisionError), interruption.call():
        raise ZeroDivisionError
    assert interruption.wait_until_idle(0)


def test_a_pause_ends_with_the_request():
    interruption = Interruption()
    interruption.wait(0.001)
    threading.Timer(0.01, interruption.request).start()
    with pytest.raises(Interrupted):
        interruption.wait(60)


def test_a_request_can_be_taken_back():
    interruption = Interruption()
    interruption.request()
    interruption.reset()
    with interruption.call():
        assert not interruption.is_requested
