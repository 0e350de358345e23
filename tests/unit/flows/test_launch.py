"""A look at the Prefect server before a run."""

import os
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)

from image_tags.flows.launch import check_server, reach_loopback_directly
from image_tags.tasks.contracts.errors import StopRun
from tests.support.answers import GOOD, page
from tests.support.hostile_server import HostileServer
from tests.support.processes import free_port


@pytest.fixture
def answering():
    """Start a server that answers everything with this status; its address."""
    servers = []

    def start(status):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.say(status)

            def do_GET(
                self,
            ):  # for a CSRF token, which a server of one's own does not give by default
                self.say(404 if status == 200 else status)

            def say(self, code):
                self.send_response(code)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"[]")

            def log_message(self, *_):
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        serve = partial(servers[-1].serve_forever, poll_interval=0.02)
        threading.Thread(target=serve, daemon=True).start()
        return f"127.0.0.1:{servers[-1].server_port}/api"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def looked(url):
    with temporary_settings(
        {
            PREFECT_API_URL: url,
            PREFECT_API_AUTH_STRING: "admin:guessed",
            PREFECT_CLIENT_MAX_RETRIES: 0,
        }
    ):
        check_server()


def test_one_that_answers_is_all_right(answering):
    looked(f"http://{answering(200)}")


@pytest.mark.parametrize(
    ("status", "sentence"),
    [(401, "PREFECT_API_AUTH_STRING"), (403, "PREFECT_API_KEY"), (500, "answers 500")],
)
def test_one_that_refuses_is_a_sentence_without_a_secret(answering, status, sentence):
    with pytest.raises(StopRun, match=sentence) as raised:
        looked(f"http://me:hidden@{answering(status)}")
    assert "guessed" not in str(raised.value)
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}/api", "nonsense"])
def test_none_at_all_is_a_sentence(address):
    with pytest.raises(StopRun, match="PREFECT_API_URL"):
        looked(address.format(port=free_port()))


@pytest.mark.parametrize(
    "given", [{}, {"NO_PROXY": "intranet.test"}, {"no_proxy": "intranet.test"}]
)
def test_the_embedded_server_is_never_asked_through_a_proxy(monkeypatch, given):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    reach_loopback_directly(os.environ)
    assert ("intranet.test" in os.environ["NO_PROXY"]) == bool(given)
    with HostileServer({"/good.jpg": page()}) as server:
        assert httpx.get(server.url("/good.jpg")).content == GOOD
