"""Which addresses an Owner's setting may lead to."""

from __future__ import annotations

import pytest

from mesh.egress import checked_url
from mesh.egress.addresses import Allowed
from mesh.errors import InvalidInput

PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450:4001::1", "64:ff9b::808:808"]
OURS = {
    "loopback": ["127.0.0.1", "127.9.9.9", "::1"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd00:ec2::254", "fc00::1"],
    "link-local": ["169.254.169.254", "fe80::1", "fe80::1%eth0"],
    "shared by a carrier (CGNAT)": ["100.64.0.1", "100.100.100.200"],
    "unspecified": ["0.0.0.0", "::", "0.1.2.3"],
    "multicast": ["224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "192.0.0.8", "5f00::1", "100::1", "4000::1", "fec0::1"],
    "documentation and benchmarks": ["192.0.2.1", "203.0.113.7", "198.18.0.1", "2001:db8::1", "3fff::1"],
    "IPv4 in other clothes": [
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::7f00:1",
        "::8.8.8.8",
        "2002:7f00:1::",
        "2002:808:808::",
        "2001:0:7f00:1::",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::808:808",
    ],
    "a cloud's own": ["168.63.129.16"],
}


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_called(address: str) -> None:
    assert Allowed()(address)


@pytest.mark.parametrize("address", [one for addresses in OURS.values() for one in addresses])
def test_an_address_that_is_not_public_may_not(address: str) -> None:
    assert not Allowed()(address)


def test_an_operator_allows_a_network_and_nothing_beside_it() -> None:
    allowed = Allowed(["127.0.0.0/8", "fd00::/64"])
    assert allowed("127.0.0.1") and allowed.named("127.0.0.1") and allowed("fd00::1")
    assert not allowed("::1") and not allowed("::ffff:127.0.0.1") and not allowed("10.0.0.1")
    assert allowed("8.8.8.8") and not allowed.named("8.8.8.8")


def test_what_is_no_network_is_said_at_the_start() -> None:
    with pytest.raises(ValueError):
        Allowed(["localhost"])


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("hooks.example.com/a", "must be https"),
        ("ftp://hooks.example.com", "must be https"),
        ("https:///a", "must be https"),
        ("https://me:secret@hooks.example.com", "user or a password"),
        ("https://hooks.example.com/#a", "#fragment"),
        ("https://hooks.example.com:99999/", "between 1 and 65535"),
        ("https://hooks.example.com:0/", "between 1 and 65535"),
        ("https://hooks.example.com:x/", "can't be read"),
        ("https://hooks.example.com/" + "a" * 2048, "2048 characters"),
        ("https://\x00/", "can't be read"),
    ],
)
def test_a_url_that_can_t_be_used_says_what_to_change(url: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as refused:
        checked_url(url)
    assert "secret" not in refused.value.public_text


def test_a_url_with_a_port_a_path_and_a_query_is_kept() -> None:
    assert str(checked_url("https://hooks.example.com:8443/a?b=c")) == "https://hooks.example.com:8443/a?b=c"
