"""Names to addresses, within a time limit."""

import ipaddress
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dns.exception
import dns.resolver

from image_tags.tasks.contracts.errors import Rejected, Transient
from image_tags.tasks.contracts.reasons import Reason

Lookup = Callable[..., list[Any]]
"""As socket.getaddrinfo."""

Found = tuple[int, Any]
"""Address family and socket address."""

MAX_ADDRESSES = 4
"""Addresses of one host that are tried."""


IsDenied = Callable[[str, float], bool]
"""Whether DNS denies that a host exists, within so many seconds: `is_name_denied`."""

REMEMBERED = 10_000
"""Hosts whose denial is remembered."""


class Unreachable(Transient):
    """No connection: the name does not resolve, or nothing answers at its addresses."""


class Resolver:
    """Looks names up in threads that can be abandoned: getaddrinfo has no timeout. Thread-safe.

    Attributes:
        heard_anything: whether a name server knew a name, or a host accepted or refused a
            connection, since this was made. If not, this machine may be offline.
    """

    def __init__(
        self,
        threads: int,
        lookup: Lookup | None = None,
        is_denied: IsDenied | None = None,
    ) -> None:
        self._lookup = lookup
        self._is_denied = is_denied or is_name_denied
        self._denied: dict[str, bool] = {}
        self.heard_anything = False
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="resolve")

    def find_addresses(self, host: str, port: int, timeout: float) -> list[Found]:
        """Return the host's addresses.

        Raises:
            Unreachable: there are none, or not in time.
            Rejected: `invalid_url`, if the host is not a possible name; `no_such_host`.
        """
        bare = host.partition("%")[0]  # without the zone of a link-local address
        try:
            version = ipaddress.ip_address(bare).version
        except ValueError:
            return self._look_up(host, port, timeout)
        return [(socket.AF_INET if version == 4 else socket.AF_INET6, (bare, port))]

    def close(self) -> None:
        """Stop looking up names."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _look_up(self, host: str, port: int, timeout: float) -> list[Found]:
        answer = self._pool.submit(
            self._lookup or socket.getaddrinfo, host, port, 0, socket.SOCK_STREAM
        )
        try:
            found = answer.result(timeout)
        except TimeoutError:
            answer.cancel()
            raise Unreachable(Reason.TIMEOUT, "the host's name was not resolved in time") from None
        except socket.gaierror as error:
            if error.errno == socket.EAI_NONAME and self._is_surely_absent(host, timeout):
                self.heard_anything = True
                raise Rejected(
                    Reason.NO_SUCH_HOST, "the host does not exist (its name server says so)"
                ) from None
            raise Unreachable(
                Reason.CONNECTION_FAILED, "the host's name cannot be resolved"
            ) from None
        except ValueError:  # such as a label of more than 63 characters
            raise Rejected(Reason.INVALID_URL, "the link's host is not a possible name") from None
        self.heard_anything = True
        families = (socket.AF_INET, socket.AF_INET6)
        return [(family, address) for family, _, _, _, address in found if family in families]

    def _is_surely_absent(self, host: str, timeout: float) -> bool:
        """Whether DNS denies the host; getaddrinfo alone reports the same for a broken setup."""
        if len(self._denied) > REMEMBERED:
            self._denied.clear()
        if host not in self._denied:
            self._denied[host] = self._is_denied(host, timeout)
        return self._denied[host]


def is_name_denied(host: str, timeout: float, nameserver: tuple[str, int] | None = None) -> bool:
    """Whether a name server answers that there is no such name (NXDOMAIN, RFC 8020).

    Everything else, also a resolver that is down or refuses to answer, is no denial.

    Args:
        host: the name in ASCII.
        timeout: seconds.
        nameserver: address and port; by default those that the machine is configured with.
    """
    try:
        resolver = dns.resolver.Resolver(configure=nameserver is None)
        if nameserver:
            resolver.nameservers, resolver.port = [nameserver[0]], nameserver[1]
        resolver.resolve(f"{host.rstrip('.')}.", "A", lifetime=timeout, search=False)
    except dns.resolver.NXDOMAIN:
        return True
    except (dns.exception.DNSException, OSError, ValueError):
        return False
    return False
