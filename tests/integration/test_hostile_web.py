"""Every bad answer that a server can give has its reason, costs no more than its caps, and leaves good pictures alone."""

import pytest

from tasks.adapters.pictures import verify
from tasks.adapters.web import Web
from tasks.contracts.errors import LinkError, Passing, Rejected
from tasks.contracts.reasons import Status
from tasks.contracts.settings import FetchSettings
from tests.support.answers import ANSWERS, GOOD
from tests.support.hostile_server import HostileServer

SETTINGS = FetchSettings(
    allow_private_addresses=True,
    connect_timeout=1.0,
    read_timeout=0.3,
    deadline=0.8,
    max_bytes=300_000,
    max_pixels=1_000_000,
    max_frames=20,
    fetch_retries=1,
)

REASONS = {
    "/silence": "timeout",
    "/drip-head": "timeout",
    "/drip-header-lines": "timeout",
    "/drip-body": "timeout",
    "/drip-chunks": "timeout",
    "/drip-404": "not_found",
    "/endless-body": "too_large",
    "/endless-chunks": "too_large",
    "/endless-chunk-line": "http_error",
    "/endless-trailers": "too_large",
    "/endless-header": "http_error",
    "/endless-header-lines": "http_error",
    "/endless-status-line": "http_error",
    "/endless-continue": "http_error",
    "/endless-404": "not_found",
    "/huge-length": "too_large",
    "/gzip-bomb": "decompression_bomb",
    "/gzip-bomb-in-gzip": "decompression_bomb",
    "/deflate-bomb": "decompression_bomb",
    "/many-encodings": "http_error",
    "/gzip-broken": "http_error",
    "/length-too-long": "truncated",
    "/length-too-short": "truncated",
    "/two-lengths": "http_error",
    "/hangs-up-elsewhere": "connection_failed",
    "/chunks-cut": "connection_failed",
    "/chunk-line-broken": "truncated",
    "/closes": "connection_failed",
    "/closes-in-head": "truncated",
    "/resets": "connection_failed",
    "/resets-in-body": "connection_failed",
    "/no-http": "http_error",
    "/no-head": "http_error",
    "/status-no-number": "http_error",
    "/too-many-headers": "http_error",
    "/loop": "too_many_redirects",
    "/chain/6": "too_many_redirects",
    "/chain/7": "too_many_redirects",
    "/to-nowhere": "http_error",
    "/to-broken": "http_error",
    "/to-long": "http_error",
    "/to-control": "http_error",
    "/to-file": "unsafe_address",
    "/to-ftp": "unsafe_address",
    "/to-script": "unsafe_address",
    "/to-data": "unsafe_address",
    "/to-login": "unsafe_address",
    "/to-metadata": "unsafe_address",
    "/page.jpg": "not_an_image",
    "/json": "not_an_image",
    "/text": "not_an_image",
    "/empty": "not_an_image",
    "/noise": "not_an_image",
    "/svg": "unsupported_format",
    "/heic": "unsupported_format",
    "/truncated": "truncated",
    "/small": "too_small",
    "/noai": "opted_out",
    "/noindex-for-us": "opted_out",
    "/status/401": "forbidden",
    "/status/403": "forbidden",
    "/status/404": "not_found",
    "/status/408": "timeout",
    "/status/410": "not_found",
    "/status/425": "server_error",
    "/status/429": "rate_limited",
    "/status/451": "forbidden",
    "/status/500": "server_error",
    "/status/501": "server_error",
    "/status/502": "server_error",
    "/status/503": "server_error",
    "/status/504": "server_error",
    "/status/599": "server_error",
} | {f"/status/{code}": "http_error" for code in (204, 206, 300, 304, 305, 400, 402, 405, 418, 999)}
"""What the link of each bad answer ends as; the other answers are good."""


@pytest.fixture(scope="module")
def server():
    with HostileServer() as server:
        yield server


@pytest.fixture(scope="module")
def web():
    with Web(SETTINGS) as web:
        yield web


@pytest.mark.parametrize("path", sorted(ANSWERS.keys() - REASONS.keys()))
def test_a_good_picture_arrives(server, web, path):
    page = web.fetch(server.url(path))
    assert page.body.startswith(GOOD)
    assert verify(page.body, SETTINGS).format == "JPEG"


@pytest.mark.parametrize("path", sorted(REASONS))
def test_each_bad_answer_has_its_reason(server, web, path):
    with pytest.raises(LinkError) as caught:
        verify(web.fetch(server.url(path)).body, SETTINGS)
    error = caught.value
    assert error.reason == REASONS[path], error.detail
    assert isinstance(error, Rejected if error.reason.status is Status.REJECTED else Passing)
    assert 0 < len(error.detail) <= 300
    assert "127.0.0.1" not in error.detail
    assert "secret" not in error.detail
