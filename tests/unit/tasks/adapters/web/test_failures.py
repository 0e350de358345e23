"""Every exception of requests, urllib3 and http.client has a reason."""

import http.client
import inspect
import ssl

import pytest
import requests
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.adapters.web.failures import (
    NETWORK_ERRORS,
    CutShort,
    classify_exception,
    classify_status,
)
from image_tags.tasks.contracts.errors import LinkError, Rejected, Transient
from image_tags.tasks.contracts.reasons import Status

MODULES = (requests.exceptions, urllib3.exceptions, http.client)


def errors():
    for module in MODULES:
        for _, found in inspect.getmembers(module, inspect.isclass):
            if issubclass(found, Exception) and not issubclass(found, Warning):
                yield found


@pytest.mark.parametrize(
    "kind", sorted(set(errors()), key=str), ids=lambda kind: f"{kind.__module__}.{kind.__name__}"
)
def test_every_error_of_the_libraries_is_mapped(kind):
    error = kind.__new__(kind)  # their constructors ask for pools and responses
    assert isinstance(error, NETWORK_ERRORS)
    found = classify_exception(error, 10)
    assert isinstance(found, LinkError)
    assert found.detail


@given(st.integers(100, 999))
def test_every_status_has_its_reason(number):
    error = classify_status(number, 7.0)
    assert isinstance(error, Rejected if error.reason.status is Status.REJECTED else Transient)
    assert str(number) in error.detail
    if isinstance(error, Transient):
        assert error.retry_after == 7.0


def test_the_cause_counts_however_deep_it_lies():
    def wrapped(cause):
        return requests.ConnectionError(
            urllib3.exceptions.ProtocolError("Connection aborted.", cause)
        )

    assert (
        classify_exception(wrapped(ConnectionResetError(104, "reset")), 0).reason
        == "connection_failed"
    )
    assert classify_exception(wrapped(http.client.BadStatusLine("x")), 0).reason == "http_error"
    assert classify_exception(wrapped(TimeoutError()), 0).reason == "timeout"
    assert (
        classify_exception(wrapped(ssl.SSLError(1, "handshake")), 0).reason == "connection_failed"
    )
    cut = classify_exception(wrapped(http.client.IncompleteRead(b"")), 1234)
    assert isinstance(cut, CutShort)
    assert cut.place == 1234


def test_an_error_that_is_its_own_cause_does_not_go_round():
    error = requests.ConnectionError()
    error.args = (error,)
    assert classify_exception(error, 0).reason
