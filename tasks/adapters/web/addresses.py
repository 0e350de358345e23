"""Which links may be followed and which addresses may be connected to.

Nothing here touches the network.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from requests_hardened.ip_filter import InvalidIPAddress, filter_host

from image_tags.tasks.contracts.errors import Rejected
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.settings import FetchSettings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_LINK = 8_192
"""Characters of a link. RFC 9110 asks servers to accept 8,000; picture links are far shorter."""

MAX_HOST = 255
"""Characters of a host. RFC 1035, 2.3.4."""

DEFAULT_PORTS = {"http": 80, "https": 443}

LOOPBACK, PRIVATE, SHARED = "a loopback address", "a private address", "a shared (CGNAT) address"
METADATA, LINK_LOCAL, MULTICAST = (
    "a cloud metadata address",
    "a link-local address",
    "a multicast address",
)
RESERVED = "a reserved address"

PRIVATE_KINDS = (LOOPBACK, PRIVATE, SHARED)
"""The kinds that --allow-private-addresses permits: no intranet keeps pictures at the others."""

# First match wins. From the IANA special-purpose registries (RFC 6890) and the clouds' manuals.
_KINDS = tuple(
    (ipaddress.ip_network(network), kind)
    for network, kind in (
        ("169.254.169.254/32", METADATA),
        ("100.100.100.200/32", METADATA),  # Alibaba Cloud, inside the shared range
        ("168.63.129.16/32", METADATA),  # Azure, in public space
        ("192.0.0.192/32", METADATA),  # Oracle Cloud
        ("fd00:ec2::/32", METADATA),  # AWS
        ("fd20:ce::/32", METADATA),  # Google Cloud
        ("127.0.0.0/8", LOOPBACK),
        ("10.0.0.0/8", PRIVATE),
        ("172.16.0.0/12", PRIVATE),
        ("192.168.0.0/16", PRIVATE),
        ("100.64.0.0/10", SHARED),
        ("169.254.0.0/16", LINK_LOCAL),
        ("224.0.0.0/4", MULTICAST),
        ("192.0.0.0/24", RESERVED),
        ("192.88.99.0/24", RESERVED),  # 6to4 relays, RFC 7526
        ("::1/128", LOOPBACK),
        ("fc00::/7", PRIVATE),
        ("fe80::/10", LINK_LOCAL),
        ("ff00::/8", MULTICAST),
        ("::ffff:0:0/96", "an IPv4-mapped address"),
        ("::/96", "an IPv4-compatible address"),
        ("64:ff9b::/96", "a NAT64 address"),
        ("64:ff9b:1::/48", "a NAT64 address"),
        ("2001::/32", "a Teredo address"),
        ("2002::/16", "a 6to4 address"),
        ("2001::/23", RESERVED),
        ("3fff::/20", RESERVED),  # documentation, RFC 9637
    )
)
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)  # RFC 5214: bits 64 to 95 say that an IPv4 address follows

_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Target:
    """A link as the connection sees it: normalised URL, host without brackets, port."""

    url: str
    host: str
    port: int

    @property
    def site(self) -> str:
        """The name under which its requests are counted; ports 80 and 443 are one site."""
        return self.host if self.port in DEFAULT_PORTS.values() else f"{self.host}:{self.port}"


def parse_link(link: str) -> Target:
    """Parse a link into a target.

    Raises:
        Rejected: `invalid_url` or `unsafe_address`, if the link must not be followed.
    """
    if len(link) > MAX_LINK:
        raise Rejected(
            Reason.INVALID_URL, f"the link has {len(link)} characters, more than {MAX_LINK}"
        )
    if not _SCHEME.match(link):
        raise Rejected(Reason.INVALID_URL, "the text does not start with http:// or https://")
    if _CONTROL.search(link):
        raise Rejected(Reason.INVALID_URL, "the link contains a control character")
    prepared = requests.PreparedRequest()
    try:
        # requests connects to exactly this: the prepared URL, split by urlsplit.
        prepared.prepare_url(link, None)
        url = str(prepared.url)
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except (requests.RequestException, ValueError):
        raise Rejected(
            Reason.INVALID_URL, "the link cannot be read: its host or port is malformed"
        ) from None
    if "@" in parts.netloc:
        raise Rejected(
            Reason.UNSAFE_ADDRESS, "the link contains a user name or password; remove it"
        )
    if not host or len(host) > MAX_HOST or port == 0:
        raise Rejected(Reason.INVALID_URL, "the link cannot be read: its host or port is malformed")
    return Target(url, host, DEFAULT_PORTS[parts.scheme] if port is None else port)


def find_forbidden_kind(address: Address) -> str | None:
    """Return why an address is forbidden by default; None for a public unicast address."""
    for network, kind in _KINDS:
        if address.version == network.version and address in network:
            return kind
    if address.version == 6 and (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
        return "an ISATAP address"
    if not address.is_global or (address.version == 6 and address not in _GLOBAL_UNICAST):
        return RESERVED
    return None


def can_be_allowed(address: Address) -> bool:
    """Whether --allow-private-addresses permits it; IPv4-mapped counts as the IPv4 address."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return find_forbidden_kind(mapped or address) in PRIVATE_KINDS


def check_address(address: Address, port: int, settings: FetchSettings) -> None:
    """Raise Rejected (`unsafe_address`) unless this address and port may be connected to.

    The port rule protects public hosts: an address that --allow-private-addresses permits may be
    asked at any port.
    """
    kind = find_forbidden_kind(address)
    if kind and not (settings.allow_private_addresses and can_be_allowed(address)):
        hint = (
            ""
            if settings.allow_private_addresses or not can_be_allowed(address)
            else " (see --allow-private-addresses)"
        )
        raise Rejected(
            Reason.UNSAFE_ADDRESS, f"the link leads to {kind}, which is not allowed{hint}"
        )
    if kind:
        return
    check_port(port, settings)
    try:
        filter_host(
            str(address), port, allow_loopback=False
        )  # a second opinion by requests-hardened
    except InvalidIPAddress:
        raise Rejected(
            Reason.UNSAFE_ADDRESS, "the link leads to an address that is not allowed"
        ) from None


def check_port(port: int, settings: FetchSettings) -> None:
    """Raise Rejected (`unsafe_address`) unless a public host may be asked at this port."""
    if port not in (*DEFAULT_PORTS.values(), *settings.extra_ports):
        raise Rejected(
            Reason.UNSAFE_ADDRESS,
            f"the link leads to port {port}, which is not allowed (see --extra-ports)",
        )
