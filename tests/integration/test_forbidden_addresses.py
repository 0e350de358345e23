"""No link causes a request to an address that it must not reach.

A listener there counts connections: none.
"""

import socket
import threading
from collections import Counter

import pytest

from image_tags.tasks.adapters.web import Web, sockets
from image_tags.tasks.contracts.errors import LinkError, Rejected
from image_tags.tasks.contracts.settings import FetchSettings
from tests.support.answers import GOOD, page, redirect
from tests.support.hostile_server import HostileServer

PUBLIC = "93.184.216.34"

SPELLINGS = [
    *(
        "127.0.0.1",
        "127.0.0.1.",
        "localhost",
        "LocalHost.",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
    ),
    *(
        "0X7F.1",
        "0177.0.0.1",
        "017700000001",
        "0177.1",
        "127.00.00.01",
        "0",
        "0.0.0.0",
        "0x0",
        "%31%32%37.0.0.1",
    ),
    *(
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
    ),
    *(
        "[fe80::1%25lo]",
        "[::1%25lo]",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "10.0.0.1",
        "192.168.0.1",
        "100.64.0.1",
    ),
    *("224.0.0.1", "255.255.255.255", "168.63.129.16"),
]
NAMES = [
    "loopback.test",
    "loopback6.test",
    "private.test",
    "mapped.test",
    "nat64.test",
    "metadata.test",
    "mixed.test",
]
ADDRESSES = {
    "loopback.test": ["127.0.0.1"],
    "loopback6.test": ["::1"],
    "private.test": ["10.1.2.3"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "nat64.test": ["64:ff9b::7f00:1"],
    "metadata.test": ["169.254.169.254"],
    "mixed.test": [PUBLIC, "127.0.0.1"],
    "public.test": [PUBLIC],
}


def found(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.SOCK_STREAM, 6, "", (address, port)


class Names:
    """A name server: each host's lists of addresses in turn, the last one repeatedly."""

    def __init__(self, **answers):
        self.answers = {name: [addresses] for name, addresses in ADDRESSES.items()} | answers
        self.asked = Counter()

    def __call__(self, host, port, *_):
        if host not in self.answers:
            return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
        turn = min(self.asked[host], len(self.answers[host]) - 1)
        self.asked[host] += 1
        return [found(address, port) for address in self.answers[host][turn]]


@pytest.fixture
def forbidden():
    """A listener on loopback that nobody may reach."""
    with HostileServer({"/": page(), "/a.jpg": page()}) as server:
        yield server
        assert server.visitors() == 0


@pytest.fixture(scope="module")
def good_server():
    with HostileServer({}) as server:
        yield server


@pytest.fixture
def public(good_server, monkeypatch):
    """A server at a public address: connections to that address are redirected here."""
    connect_address = sockets._connect_address

    def brought(one, budget):
        family, (address, *rest) = one
        return connect_address(
            (family, ("127.0.0.1" if address == PUBLIC else address, *rest)), budget
        )

    monkeypatch.setattr(sockets, "_connect_address", brought)
    good_server.answers = {"/good.jpg": page()}
    good_server.requests.clear()
    return good_server


def web_for(*servers, lookup=None, **settings):
    ports = tuple(server.port for server in servers)
    return Web(
        FetchSettings(extra_ports=ports, fetch_retries=0, connect_timeout=2, **settings),
        lookup or Names(),
    )


def unsafe(web, link):
    with pytest.raises(Rejected) as caught:
        web.fetch(link)
    assert caught.value.reason in ("unsafe_address", "invalid_url"), caught.value
    return caught.value


@pytest.mark.parametrize("host", SPELLINGS + NAMES)
def test_no_link_reaches_a_forbidden_address(forbidden, host):
    with web_for(forbidden) as web:
        error = unsafe(web, f"http://{host}:{forbidden.port}/a.jpg")
        assert error.reason == "unsafe_address"
        unsafe(web, f"https://{host}:{forbidden.port}/a.jpg")


@pytest.mark.parametrize("host", SPELLINGS + NAMES)
def test_no_redirect_reaches_a_forbidden_address(forbidden, public, host):
    public.answers["/away"] = redirect(f"http://{host}:{forbidden.port}/a.jpg")
    with web_for(forbidden, public) as web:
        assert unsafe(web, f"http://public.test:{public.port}/away").reason == "unsafe_address"
    assert len(public.asked("/away")) == 1


def test_a_public_host_is_reached_under_the_default_rules(public):
    with web_for(public) as web:
        assert web.fetch(f"http://public.test:{public.port}/good.jpg").body == GOOD
    assert public.asked("/good.jpg")[0].headers["host"] == f"public.test:{public.port}"


def test_a_name_that_changes_its_answer_leads_only_where_it_was_checked(forbidden, public):
    names = Names(**{"rebinding.test": [[PUBLIC], ["127.0.0.1"]]})
    link = f"http://rebinding.test:{public.port}/good.jpg"
    with web_for(forbidden, public, lookup=names) as web:
        assert web.fetch(link).body == GOOD
        assert (
            names.asked["rebinding.test"] == 1
        )  # nothing between the check and the connection asks again
    with web_for(forbidden, public, lookup=names) as web:
        assert (
            unsafe(web, f"http://rebinding.test:{forbidden.port}/a.jpg").reason == "unsafe_address"
        )
        assert unsafe(web, link).reason == "unsafe_address"


def test_a_name_that_changes_its_answer_between_redirects(forbidden, public):
    names = Names(**{"rebinding.test": [[PUBLIC], ["127.0.0.1"]]})
    public.answers["/away"] = redirect(f"http://rebinding.test:{forbidden.port}/a.jpg")
    with web_for(forbidden, public, lookup=names) as web:
        unsafe(web, f"http://rebinding.test:{public.port}/away")


@pytest.mark.parametrize(
    "name", ["http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"]
)
def test_no_proxy_of_the_environment_is_used(forbidden, public, monkeypatch, name):
    monkeypatch.setenv(name, forbidden.url("/"))
    with web_for(forbidden, public) as web:
        assert web.fetch(f"http://public.test:{public.port}/good.jpg").body == GOOD
        unsafe(web, f"http://private.test:{public.port}/good.jpg")


@pytest.mark.parametrize("allowed", [False, True])
def test_ports_of_public_hosts(public, allowed):
    before = public.visitors()
    with Web(FetchSettings(fetch_retries=0, allow_private_addresses=allowed), Names()) as web:
        error = unsafe(web, f"http://public.test:{public.port}/good.jpg")
    assert error.reason == "unsafe_address"
    assert "--extra-ports" in error.detail
    assert public.visitors() == before + 1  # only the one who counted


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "loopback.test"],
)
def test_private_addresses_at_any_port_when_allowed(host):
    with (
        HostileServer({"/good.jpg": page()}) as server,
        web_for(allow_private_addresses=True) as web,
    ):
        assert web.fetch(f"http://{host}:{server.port}/good.jpg").body == GOOD


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[fd00:ec2::254]", "metadata.test", "0.0.0.0", "[::]", "224.0.0.1"]
)
def test_allowing_private_addresses_lifts_no_other_rule(forbidden, host):
    with web_for(forbidden, allow_private_addresses=True) as web:
        assert unsafe(web, f"http://{host}:{forbidden.port}/a.jpg").reason == "unsafe_address"
        unsafe(web, f"http://user:secret@127.0.0.1:{forbidden.port}/a.jpg")
        unsafe(web, f"ftp://127.0.0.1:{forbidden.port}/a.jpg")


def test_what_a_name_led_to_is_not_told(forbidden):
    with web_for(forbidden) as web:
        assert "10.1.2.3" not in unsafe(web, f"http://private.test:{forbidden.port}/").detail


def test_a_name_server_that_does_not_answer_costs_no_more_than_the_deadline(forbidden):
    let_go = threading.Event()
    with web_for(forbidden, lookup=lambda *_: let_go.wait(30), deadline=0.2) as web:
        with pytest.raises(LinkError, match="timeout: the host's name was not resolved in time"):
            web.fetch(f"http://slow.test:{forbidden.port}/")
        let_go.set()


def test_names_that_cannot_be(forbidden):
    with web_for(forbidden) as web:
        unsafe(web, f"http://{'a' * 64}.test:{forbidden.port}/")
        unsafe(web, f"http://a..test:{forbidden.port}/")
