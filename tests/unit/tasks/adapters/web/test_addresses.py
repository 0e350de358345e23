"""Which links may be followed, and which addresses may be connected to."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from requests_hardened.ip_filter import InvalidIPAddress, filter_host

from image_tags.tasks.adapters.web.addresses import (
    MAX_LINK,
    can_be_allowed,
    check_address,
    find_forbidden_kind,
    parse_link,
)
from image_tags.tasks.contracts.errors import Rejected
from image_tags.tasks.contracts.settings import FetchSettings

DEFAULT = FetchSettings()
PRIVATE_ALLOWED = FetchSettings(allow_private_addresses=True)

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "93.184.216.34",
    "192.31.195.255",
    "2606:4700::1111",
    "2001:4860:4860::8888",
]
PRIVATE = [
    "127.0.0.1",
    "127.255.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.1.1",
    "100.64.0.1",
    "::1",
    "fd12::1",
]
NEVER = [
    *(
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "169.254.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
    ),
    *(
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.1.1.1",
    ),
    *(
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
    ),
    *(
        "ff02::1",
        "::127.0.0.1",
        "::8.8.8.8",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
    ),
    *(
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "3fff::1",
        "5f00::1",
        "4000::1",
        "100::1",
        "2001:20::1",
    ),
    *("2606:4700::5efe:7f00:1", "2606:4700::200:5efe:7f00:1"),
]


def reason_of(link):
    with pytest.raises(Rejected) as caught:
        parse_link(link)
    return caught.value.reason


class TestAddresses:
    @pytest.mark.parametrize("address", PUBLIC)
    def test_public_ones_may_be_connected_to(self, address):
        assert find_forbidden_kind(ip_address(address)) is None
        check_address(ip_address(address), 443, DEFAULT)

    @pytest.mark.parametrize("address", PRIVATE)
    def test_private_ones_only_when_allowed(self, address):
        with pytest.raises(Rejected, match=r"unsafe_address.*see --allow-private-addresses"):
            check_address(ip_address(address), 80, DEFAULT)
        check_address(ip_address(address), 8000, PRIVATE_ALLOWED)

    @pytest.mark.parametrize("address", NEVER)
    @pytest.mark.parametrize("settings", [DEFAULT, PRIVATE_ALLOWED])
    def test_the_others_never(self, address, settings):
        with pytest.raises(Rejected, match="unsafe_address"):
            check_address(ip_address(address), 80, settings)

    def test_a_mapped_address_counts_as_the_one_inside_when_private_ones_are_allowed(self):
        assert can_be_allowed(ip_address("::ffff:127.0.0.1"))
        assert not can_be_allowed(ip_address("::ffff:169.254.169.254"))
        with pytest.raises(Rejected):
            check_address(ip_address("::ffff:127.0.0.1"), 80, DEFAULT)

    @given(st.ip_addresses())
    @example(ip_address("::127.0.0.1"))
    def test_no_address_is_public_that_python_or_requests_hardened_call_private(
        self, address: IPv4Address | IPv6Address
    ):
        if find_forbidden_kind(address) is None:
            assert address.is_global
            assert not any(
                (
                    address.is_multicast,
                    address.is_reserved,
                    address.is_link_local,
                    address.is_loopback,
                )
            )
            try:
                filter_host(str(address), 80, allow_loopback=False)
            except InvalidIPAddress:
                pytest.fail(f"requests-hardened refuses {address}")

    @given(st.ip_addresses(v=4))
    def test_no_ipv4_address_can_hide_in_an_ipv6_one(self, inside: IPv4Address):
        number = int(inside)
        for prefix in (0, 0xFFFF << 32, 0x64FF9B << 96, 0x64FF9B0001 << 80):
            assert find_forbidden_kind(IPv6Address(prefix | number)) is not None
        assert find_forbidden_kind(IPv6Address(0x2002 << 112 | number << 80)) is not None

    @pytest.mark.parametrize(
        ("port", "extra", "fine"),
        [(80, (), True), (443, (), True), (8080, (), False), (8080, (8080,), True)],
    )
    def test_ports_of_public_hosts(self, port, extra, fine):
        settings = FetchSettings(extra_ports=extra, allow_private_addresses=True)
        if fine:
            check_address(ip_address("8.8.8.8"), port, settings)
        else:
            with pytest.raises(Rejected, match=r"port 8080.*see --extra-ports"):
                check_address(ip_address("8.8.8.8"), port, settings)


class TestLinks:
    @pytest.mark.parametrize(
        ("link", "host", "port"),
        [
            ("http://example.com/a.jpg", "example.com", 80),
            ("HTTPS://EXAMPLE.com:444/ä b.jpg", "example.com", 444),
            ("http://[2606:4700::1]/", "2606:4700::1", 80),
            ("http://bücher.example/", "xn--bcher-kva.example", 80),
            ("https://example.com?x=1#y", "example.com", 443),
            ("http://good.example\\@evil.example/", "good.example", 80),
        ],
    )
    def test_that_can_be_followed(self, link, host, port):
        target = parse_link(link)
        assert (target.host, target.port) == (host, port)

    def test_80_and_443_of_a_host_are_one_site(self):
        assert (
            parse_link("http://a.example/").site
            == parse_link("https://a.example/").site
            != parse_link("http://a.example:81/").site
        )

    @pytest.mark.parametrize(
        "link",
        [
            *(
                "",
                "a.jpg",
                "//example.com/a.jpg",
                "http:",
                "http://",
                "http:///a.jpg",
                "http:example.com",
                "https//example.com",
            ),
            *(
                "ftp://example.com/a.jpg",
                "file:///etc/passwd",
                "data:image/png;base64,AA",
                "javascript:alert(1)",
                "gopher://x/",
            ),
            *(
                "http://example.com:99999/",
                "http://example.com:x/",
                "http://[::1",
                "http://]/",
                "http://exa mple.com/",
            ),
            *(
                "http://example.com/\n",
                "http://exa\tmple.com/",
                "http://example.com/\x00",
                "http://a%00b/",
                "http://.../",
            ),
            "http://example.com/" + "a" * MAX_LINK,
            "http://" + "a." * 200 + "example/",
        ],
    )
    def test_that_are_none(self, link):
        assert reason_of(link) == "invalid_url"

    @pytest.mark.parametrize("login", ["user@", "user:secret@", ":secret@", "user%40:x@"])
    def test_with_a_login(self, login):
        assert reason_of(f"http://{login}example.com/") == "unsafe_address"

    @given(
        st.text(max_size=60),
        st.sampled_from(["", "http://", "https://", "http://a.example:", "http://[", "http://a@"]),
    )
    def test_of_any_text_nothing_but_rejected_comes_out(self, text, beginning):
        try:
            target = parse_link(beginning + text)
        except Rejected:
            return
        assert target.url.startswith(("http://", "https://"))
        assert target.host
        assert 0 < target.port < 65536
