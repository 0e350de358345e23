"""A name that does not exist is told from a resolver that is down."""

import socket
import threading
from contextlib import contextmanager, suppress

import dns.message
import dns.rcode
import pytest

from image_tags.tasks.adapters.web.resolver import Resolver, Unreachable, is_name_denied
from image_tags.tasks.contracts.errors import LinkError, Rejected


@contextmanager
def name_server(rcode):
    """A name server on loopback that answers every question with this code; None never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))

        def answer():
            while True:
                data, address = sock.recvfrom(4096)
                if not data:
                    return
                reply = dns.message.make_response(dns.message.from_wire(data))
                if rcode is not None:
                    reply.set_rcode(rcode)
                    sock.sendto(reply.to_wire(), address)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield sock.getsockname()
        finally:
            sock.sendto(b"", sock.getsockname())
            thread.join()


@pytest.mark.parametrize(
    ("rcode", "denied"),
    [
        (dns.rcode.NXDOMAIN, True),
        (dns.rcode.NOERROR, False),
        (dns.rcode.SERVFAIL, False),
        (dns.rcode.REFUSED, False),
        (None, False),
    ],
)
def test_only_an_answer_that_denies_the_name_counts(rcode, denied):
    with name_server(rcode) as server:
        assert is_name_denied("nowhere.example", 0.3, server) is denied


def test_a_name_server_that_is_down_denies_nothing():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        address = sock.getsockname()
    assert not is_name_denied("nowhere.example", 0.3, address)


@pytest.mark.parametrize("host", ["a..example", "x" * 64 + ".example", "_.example", "ä.example"])
def test_odd_names_raise_nothing(host):
    with name_server(dns.rcode.SERVFAIL) as server:
        assert not is_name_denied(host, 0.2, server)


def test_whether_anything_was_heard():
    """A name server that knows or denies a name was heard; a resolver that is down was not."""

    def heard_from(found, denied=False):
        def lookup(*_):
            if isinstance(found, Exception):
                raise found
            return found

        resolver = Resolver(1, lookup, lambda *_: denied)
        with suppress(LinkError):
            resolver.find_addresses("some.example", 80, 1.0)
        resolver.close()
        return resolver.heard_anything

    no_name = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    assert heard_from([(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("192.0.2.1", 80))])
    assert heard_from(no_name, denied=True)
    assert not heard_from(no_name)
    assert not heard_from(socket.gaierror(socket.EAI_AGAIN, "Temporary failure"))


@pytest.mark.parametrize(
    ("error", "denied", "kind", "reason", "asked"),
    [
        (socket.EAI_NONAME, True, Rejected, "no_such_host", 1),
        (socket.EAI_NONAME, False, Unreachable, "connection_failed", 1),
        (socket.EAI_AGAIN, True, Unreachable, "connection_failed", 0),
        (socket.EAI_NODATA, True, Unreachable, "connection_failed", 0),
    ],
)
def test_a_host_is_rejected_only_if_both_agree(error, denied, kind, reason, asked):
    questions = []

    def lookup(*_):
        raise socket.gaierror(error, "no")

    def is_denied(host, _timeout):
        questions.append(host)
        return denied

    resolver = Resolver(2, lookup, is_denied)
    for _ in range(3):
        with pytest.raises(kind) as caught:
            resolver.find_addresses("nowhere.example", 80, 1.0)
        assert caught.value.reason == reason
    assert questions == ["nowhere.example"] * asked
    resolver.close()
