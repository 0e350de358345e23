"""Connections that keep the rules: which address may be connected to, for how long, and how many bytes may come.

Every byte that urllib3 reads passes `recv_into` below, so a drip, an endless header, an endless chunk line or an endless
body all meet the same two limits, whatever the layers above do.
"""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

import certifi
from requests_hardened.ip_filter import InvalidIPAddress, filter_host
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from tasks.adapters.addresses import DEFAULT_PORTS, Address, is_lifted, kind_of
from tasks.contracts.errors import LinkError, Passing, Rejected
from tasks.contracts.reasons import Reason
from tasks.contracts.settings import FetchSettings

MAX_HEADER = 65_536
"""Bytes of status line and headers. Browsers stop at 256 KB; nginx and Apache send at most some 10 KB."""

MAX_ADDRESSES = 4
"""Addresses of one host that are tried in turn."""

Resolve = Callable[..., list[Any]]
"""As socket.getaddrinfo."""


class Budget:
    """The time and the bytes one link still has. Used by one thread at a time.

    Attributes:
        deadline: on time.monotonic()'s clock.

    """

    def __init__(self, settings: FetchSettings, resolve: Resolve, resolving: Executor) -> None:
        self.settings = settings
        self.deadline = time.monotonic() + settings.deadline
        self._resolve = resolve
        self._resolving = resolving
        self._bytes_left = 0
        self._exceeded: LinkError | None = None

    def left(self) -> float:
        """Seconds left; Passing (`timeout`) if there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Passing(Reason.TIMEOUT, f"not done within {self.settings.deadline:g} s (deadline)")
        return left

    def allow(self, count: int, exceeded: LinkError) -> None:
        """From here on `count` bytes may come; one more raises `exceeded`."""
        self._bytes_left = count
        self._exceeded = exceeded

    def spend(self, count: int) -> None:
        """Note that `count` bytes came."""
        self._bytes_left -= count
        if self._bytes_left < 0 and self._exceeded:
            raise self._exceeded

    def addresses(self, host: str, port: int) -> list[tuple[int, Any]]:
        """Family and socket address of each address of the host, all of them allowed."""
        bare = host.partition("%")[0]  # without the zone of a link-local address
        try:
            family = socket.AF_INET6 if ipaddress.ip_address(bare).version == 6 else socket.AF_INET
            found: list[tuple[int, Any]] = [(family, (bare, port))]
        except ValueError:
            found = self._looked_up(host, port)
        for _, sockaddr in found:
            check_address(ipaddress.ip_address(sockaddr[0]), port, self.settings)
        return found[:MAX_ADDRESSES]

    def _looked_up(self, host: str, port: int) -> list[tuple[int, Any]]:
        # getaddrinfo knows no timeout, so it runs in a thread that can be left behind.
        answer = self._resolving.submit(self._resolve, host, port, 0, socket.SOCK_STREAM)
        try:
            found = answer.result(timeout=min(self.left(), self.settings.connect_timeout))
        except TimeoutError:
            answer.cancel()
            raise Passing(Reason.TIMEOUT, "the host's name was not resolved in time") from None
        except socket.gaierror:
            raise Passing(Reason.CONNECTION_FAILED, "the host's name cannot be resolved") from None
        except (UnicodeError, ValueError):
            raise Rejected(Reason.INVALID_URL, "the link's host is not a possible name") from None
        return [(family, sockaddr) for family, _, _, _, sockaddr in found if family in (socket.AF_INET, socket.AF_INET6)]


_current = threading.local()


@contextmanager
def spending(budget: Budget) -> Iterator[None]:
    """Let the connections that this thread uses spend from the budget."""
    _current.budget = budget
    try:
        yield
    finally:
        del _current.budget


def check_address(address: Address, port: int, settings: FetchSettings) -> None:
    """Rejected (`unsafe_address`) unless this address and port may be connected to.

    The port rule guards public hosts: behind an address that --allow-private-addresses lets pass, any port will do.
    """
    kind = kind_of(address)
    if kind and not (settings.allow_private_addresses and is_lifted(address)):
        hint = "" if settings.allow_private_addresses or not is_lifted(address) else " (see --allow-private-addresses)"
        raise Rejected(Reason.UNSAFE_ADDRESS, f"the link leads to {kind}, which is not allowed{hint}")
    if kind:
        return
    check_port(port, settings)
    try:
        filter_host(str(address), port, allow_loopback=False)  # a second opinion by requests-hardened
    except InvalidIPAddress:
        raise Rejected(Reason.UNSAFE_ADDRESS, "the link leads to an address that is not allowed") from None


def check_port(port: int, settings: FetchSettings) -> None:
    """Rejected (`unsafe_address`) unless a public host may be asked at this port."""
    if port not in (*DEFAULT_PORTS.values(), *settings.extra_ports):
        raise Rejected(Reason.UNSAFE_ADDRESS, f"the link leads to port {port}, which is not allowed (see --extra-ports)")


class _BudgetSocket(socket.socket):
    """A socket whose reads keep the current budget."""

    def recv_into(self, *args: Any) -> int:
        budget: Budget = _current.budget
        self.settimeout(min(budget.left(), budget.settings.read_timeout))
        count = super().recv_into(*args)
        budget.spend(count)
        return count


class _BudgetTLSSocket(ssl.SSLSocket):
    """The same over TLS."""

    def recv_into(self, *args: Any) -> int:
        budget: Budget = _current.budget
        self.settimeout(min(budget.left(), budget.settings.read_timeout))
        count = super().recv_into(*args)
        budget.spend(count)
        return count


def _connected(connection: HTTPConnection) -> socket.socket:
    """A socket connected to one of the host's addresses, each checked before; the answer is not looked up again."""
    budget: Budget = _current.budget
    if not budget.settings.allow_private_addresses:
        check_port(connection.port, budget.settings)
    failure: OSError | None = None
    for family, sockaddr in budget.addresses(connection.host, connection.port):
        sock = _BudgetSocket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(min(budget.left(), budget.settings.connect_timeout))
            sock.connect(sockaddr)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    if isinstance(failure, TimeoutError):
        raise Passing(Reason.TIMEOUT, f"no connection within {budget.settings.connect_timeout:g} s (connect_timeout)")
    why = failure.strerror if failure else "the host has no address"
    raise Passing(Reason.CONNECTION_FAILED, f"no connection to the host: {why}")


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connected(self)


class _TLSConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connected(self)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


POOLS = {"http": _Pool, "https": _TLSPool}
"""For urllib3.PoolManager.pool_classes_by_scheme."""


def tls_context() -> ssl.SSLContext:
    """A context that checks certificates against certifi's authorities and the machine's own (SSL_CERT_FILE)."""
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    context.load_verify_locations(certifi.where())
    context.load_default_certs()
    context.sslsocket_class = _BudgetTLSSocket
    return context
