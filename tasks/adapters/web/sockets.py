"""Connections that enforce the limits on addresses, time and bytes.

Every byte that urllib3 reads passes `recv_into` below, so a drip, an endless header, an endless
chunk line or an endless body all meet the same two limits, whatever the layers above do.
"""

import ipaddress
import socket
import ssl
from functools import cache
from http.client import HTTPResponse, parse_headers
from typing import Any

import certifi
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from image_tags.tasks.adapters.web.addresses import check_address, check_port
from image_tags.tasks.adapters.web.budget import Budget, get_current_budget
from image_tags.tasks.adapters.web.resolver import MAX_ADDRESSES, Found, Resolver, Unreachable
from image_tags.tasks.contracts.errors import Transient
from image_tags.tasks.contracts.reasons import Reason


class _Socket(socket.socket):
    """A socket whose reads count against the current budget."""

    def recv_into(self, *args: Any) -> int:
        budget = _set_timeout(self)
        try:
            count = super().recv_into(*args)
        except TimeoutError:
            raise _make_timeout(budget) from None
        budget.count_bytes(count)
        return count


class _TLSSocket(ssl.SSLSocket):
    """The same over TLS."""

    def recv_into(self, *args: Any) -> int:
        budget = _set_timeout(self)
        try:
            count = super().recv_into(*args)
        except TimeoutError:
            raise _make_timeout(budget) from None
        budget.count_bytes(count)
        return count


def _set_timeout(sock: socket.socket) -> Budget:
    budget = get_current_budget()
    sock.settimeout(budget.read_timeout_left())
    return budget


def _make_timeout(budget: Budget) -> Transient:
    budget.seconds_left()
    return Transient(
        Reason.TIMEOUT, f"no data for {budget.settings.read_timeout:g} s (read_timeout)"
    )


def _connect_host(host: str, port: int, resolver: Resolver) -> socket.socket:
    """Connect to one of the host's addresses, each checked before and none looked up again."""
    budget = get_current_budget()
    if not budget.settings.allow_private_addresses:
        check_port(port, budget.settings)
    found = resolver.find_addresses(host, port, budget.connect_timeout_left())
    for _, address in found:
        check_address(ipaddress.ip_address(address[0]), port, budget.settings)
    failure: OSError | None = None
    for one in found[:MAX_ADDRESSES]:
        try:
            connected = _connect_address(one, budget)
        except OSError as error:
            failure = error
            resolver.heard_anything |= isinstance(error, ConnectionRefusedError)
        else:
            resolver.heard_anything = True
            return connected
    if isinstance(failure, TimeoutError):
        raise Unreachable(
            Reason.TIMEOUT,
            f"no connection within {budget.settings.connect_timeout:g} s (connect_timeout)",
        )
    why = failure.strerror if failure else "it has no address"
    raise Unreachable(Reason.CONNECTION_FAILED, f"no connection to the host: {why}")


def _connect_address(one: Found, budget: Budget) -> socket.socket:
    family, address = one
    sock = _Socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(budget.connect_timeout_left())
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    budget.connected = True
    return sock


class _Answer(HTTPResponse):
    """A response that skips any number of 1xx ones (RFC 9110, 15.2); http.client skips only 100."""

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if (
                not 102 <= status <= 199
            ):  # 100 is skipped by http.client, and after 101 there is no answer
                return version, status, reason
            parse_headers(self.fp)


def make_pools(resolver: Resolver) -> dict[str, type[HTTPConnectionPool]]:
    """Return pools for urllib3.PoolManager.pool_classes_by_scheme that use these connections."""

    class Connection(HTTPConnection):
        response_class = _Answer

        def _new_conn(self) -> socket.socket:
            return _connect_host(self.host, self.port, resolver)

    class TLSConnection(HTTPSConnection):
        response_class = _Answer

        def _new_conn(self) -> socket.socket:
            return _connect_host(self.host, self.port, resolver)

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class TLSPool(HTTPSConnectionPool):
        ConnectionCls = TLSConnection

    return {"http": Pool, "https": TLSPool}


@cache
def make_tls_context() -> ssl.SSLContext:
    """Return the context that trusts certifi's authorities and the machine's (SSL_CERT_FILE)."""
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    context.load_verify_locations(certifi.where())
    context.load_default_certs()
    context.sslsocket_class = _TLSSocket
    return context
