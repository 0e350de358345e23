"""Every bad answer of a server has its reason, stays within its limits and harms nothing else."""

import json
import subprocess
import sys
from contextlib import suppress
from itertools import zip_longest

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from image_tags.tasks.adapters.pictures.verify import verify_picture
from image_tags.tasks.adapters.web import Web, client
from image_tags.tasks.contracts.errors import LinkError, Rejected, Transient
from image_tags.tasks.contracts.reasons import Status
from image_tags.tasks.contracts.settings import FetchSettings
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
    "/endless-processing": "http_error",
    "/brotli": "http_error",
    "/zstandard": "http_error",
    "/endless-404": "not_found",
    "/huge-length": "too_large",
    "/gzip-bomb": "decompression_bomb",
    "/gzip-bomb-in-gzip": "decompression_bomb",
    "/deflate-bomb": "decompression_bomb",
    "/many-encodings": "http_error",
    "/gzip-broken": "http_error",
    "/length-too-long-and-cut": "truncated",
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
    "/chain/11": "too_many_redirects",
    "/chain/12": "too_many_redirects",
    "/chain/13": "too_many_redirects",
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


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    monkeypatch.setattr(client, "FIRST_BACKOFF", 0.01)


@pytest.mark.parametrize("path", sorted(ANSWERS.keys() - REASONS.keys()))
def test_a_good_picture_arrives(server, web, path):
    page = web.fetch(server.url(path))
    assert page.body.startswith(GOOD)
    assert verify_picture(page.body, SETTINGS).format == "JPEG"


@pytest.mark.parametrize("path", sorted(REASONS))
def test_each_bad_answer_has_its_reason(server, web, path):
    with pytest.raises(LinkError) as caught:
        verify_picture(web.fetch(server.url(path)).body, SETTINGS)
    error = caught.value
    assert error.reason == REASONS[path], error.detail
    assert isinstance(error, Rejected if error.reason.status is Status.REJECTED else Transient)
    assert 0 < len(error.detail) <= 300
    assert "127.0.0.1" not in error.detail
    assert "secret" not in error.detail


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/brotli", "compressed as br, which was not asked for"),
        ("/zstandard", "compressed as zstd, which was not asked for"),
        ("/to-nowhere", "answered 302 without a location"),
        ("/status/404", "answered 404"),
    ],
)
def test_a_detail_says_what_happened(server, web, path, says):
    with pytest.raises(Rejected, match=says):
        web.fetch(server.url(path))


def test_what_cannot_be_parsed_is_not_logged(server, web, caplog):
    server.answers["/x?sig=5ec2e7"] = lambda _: [
        b"HTTP/1.1 200 OK\r\nno colon\r\nX-Secret: 5ec2e7\r\n\r\n" + GOOD
    ]
    with suppress(LinkError):
        web.fetch(server.url("/x?sig=5ec2e7"))
    assert server.asked("/x?sig=5ec2e7")
    assert caplog.text == ""


HEADER_LINES = [
    *(
        b"Content-Length: 10",
        b"Content-Length: 99999999999999999999999",
        b"Content-Length: -1",
        b"Content-Length: 1, 1",
    ),
    *(
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: gzip, chunked",
        b"Content-Encoding: gzip",
        b"Content-Encoding: br, zstd",
    ),
    *(
        b"Location: http://[",
        b"Location: //",
        b"Location: \xff\xfe",
        b"Location: ?",
        b"Retry-After: \xb2",
        b"ETag: \x01",
    ),
    *(
        b"X-Robots-Tag: ,:,",
        b"Set-Cookie: \xff=;;",
        b": nothing",
        b"no colon",
        b" folded",
        b"\x00: \x00",
        b"Connection: Upgrade",
    ),
]


FIRST_LINES = [
    b"HTTP/1.1 200 OK",
    b"HTTP/1.1 302 F",
    b"HTTP/1.0 200",
    b"HTTP/2 200 OK",
    b"HTTP/1.1 \xb9\xb2\xb3 x",
    b"",
]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(FIRST_LINES) | st.integers(0, 1100).map(lambda code: b"HTTP/1.1 %d X" % code),
    st.lists(st.sampled_from(HEADER_LINES) | st.binary(max_size=40), max_size=5),
    st.sampled_from([GOOD, b"5\r\nabcde\r\n0\r\n\r\n", b"-5\r\nabc", b"\xff", b""])
    | st.binary(max_size=60),
)
def test_nothing_but_link_errors_comes_out_of_any_answer(server, web, first, lines, body):
    server.answers["/any"] = lambda _: [b"\r\n".join([first, *lines, b"", body])]
    with suppress(LinkError):
        assert len(web.fetch(server.url("/any")).body) <= SETTINGS.max_bytes


ALL_AT_ONCE = """
import json, resource, sys, tempfile, time
from image_tags.tasks.adapters.link_records import LinkLog
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.web import Web, client
from image_tags.tasks.contracts.settings import FetchSettings
from image_tags.tasks.ingest.follow_links import LinkFollower, follow_links

def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

base, good, paths = json.load(sys.stdin)
settings = FetchSettings(**json.loads(sys.argv[1]))
with tempfile.TemporaryDirectory() as folder, Web(settings) as web:
    store = FolderStore(folder)
    follower = LinkFollower(web, store, LinkLog(store), settings, "run", time.time)
    threads = settings.fetch_threads
    follow_links([base + "/good.jpg"], follower, threads, lambda _: None)
    before, began = peak(), time.monotonic()
    urls = [base + path for path in paths]
    done = follow_links(urls, follower, threads, lambda _: None)
    figures = {"seconds": time.monotonic() - began, "grown_mb": peak() - before}
print(json.dumps([figures, {one.url[len(base):]: one.reason for one in done}]))
"""


def test_all_of_it_at_once_ends_in_bounded_time_and_memory(server):
    bad = [f"{path}?{turn}" for path in sorted(REASONS) for turn in range(2)]
    good = [f"/good.jpg?{turn}" for turn in range(200)]
    server.answers |= {path: ANSWERS[path.partition("?")[0]] for path in bad + good}
    mixed = [path for pair in zip_longest(bad, good) for path in pair if path]
    done = subprocess.run(
        [sys.executable, "-c", ALL_AT_ONCE, SETTINGS.model_dump_json()],
        input=json.dumps([server.url(""), good, mixed]),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    figures, reasons = json.loads(done.stdout.splitlines()[-1])
    assert {path for path in good if reasons[path] is None} == set(good)
    assert {path: reasons[path] for path in bad} == {
        path: REASONS[path.partition("?")[0]] for path in bad
    }
    # 8 bodies of at most 300 kB at the same time, bombs of 20 MB and endless answers
    # notwithstanding
    assert figures["grown_mb"] < 60
    # every link at its deadline, 8 at a time: what it would take if all were as slow as they may be
    assert figures["seconds"] < len(mixed) * SETTINGS.deadline / SETTINGS.per_host
