"""Names to addresses, within a time limit."""

import ipaddress
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from image_tags.tasks.contracts.errors import Passing, Rejected
from image_tags.tasks.contracts.reasons import Reason

Lookup = Callable[..., list[Any]]
"""As socket.getaddrinfo."""

Found = tuple[int, Any]
"""Address family and socket address."""

MAX_ADDRESSES = 4
"""Addresses of one host that are tried."""


class Unreachable(Passing):
    """No connection: the name does not resolve, or nothing answers at its addresses."""


class Resolver:
    """Looks names up in threads that can be abandoned: getaddrinfo has no timeout. Thread-safe."""

    def __init__(self, threads: int, lookup: Lookup | None = None) -> None:
        self._lookup = lookup
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="resolve")

    def find_addresses(self, host: str, port: int, timeout: float) -> list[Found]:
        """Return the host's addresses.

        Raises:
            Unreachable: there are none, or not in time.
            Rejected: `invalid_url`, if the host is not a possible name.
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
        except socket.gaierror:
            raise Unreachable(
                Reason.CONNECTION_FAILED, "the host's name cannot be resolved"
            ) from None
        except ValueError:  # such as a label of more than 63 characters
            raise Rejected(Reason.INVALID_URL, "the link's host is not a possible name") from None
        families = (socket.AF_INET, socket.AF_INET6)
        return [(family, address) for family, _, _, _, address in found if family in families]
