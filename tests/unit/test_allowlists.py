"""Where a project's events may come from."""

from __future__ import annotations

import pytest

from mesh.allowlists import ANYWHERE, MOST, AllowLists


def lists(*, domains: tuple[str, ...] = (), networks: tuple[str, ...] = ()) -> AllowLists:
    return AllowLists.of(domains=domains, networks=networks)


def test_without_lists_anybody_may_send() -> None:
    assert lists() == ANYWHERE
    assert ANYWHERE.allow_origin("https://anywhere.example") and ANYWHERE.allow_address("192.0.2.1")
    assert ANYWHERE.allow_address("")


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://shop.example.com", True),
        ("http://SHOP.example.com:8080", True),
        ("https://a.b.example.org", True),
        ("https://example.org", False),
        ("https://notshop.example.com", False),
        ("https://shop.example.com.evil.net", False),
        ("https://evil-example.org", False),
        ("null", False),
        ("", False),
        ("https://[::1", False),
        ("https://shop.example.com@evil.net", False),
    ],
)
def test_a_page_may_send_by_its_host(origin: str, allowed: bool) -> None:
    assert lists(domains=("shop.example.com", "*.example.org")).allow_origin(origin) is allowed


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("198.51.100.200", True),
        ("::ffff:192.0.2.7", True),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("", False),
        ("unix", False),
    ],
)
def test_a_server_may_send_by_its_address(address: str, allowed: bool) -> None:
    known = lists(networks=("192.0.2.7", "198.51.100.0/24", "2001:db8::/32"))
    assert known.allow_address(address) is allowed


def test_lists_come_in_one_form_and_order_each_once() -> None:
    made = lists(
        domains=("Shop.example.com", "shop.example.com ", "münchen.example"),
        networks=("198.51.100.7/24", "192.0.2.1/32", "2001:DB8:0::1"),
    )
    assert made.domains == ("shop.example.com", "xn--mnchen-3ya.example")
    assert made.networks == ("192.0.2.1", "198.51.100.0/24", "2001:db8::1")


@pytest.mark.parametrize(
    "domain", ["", "*", "a b", "https://x.example", "x.example/y", "-x.example", "a..b", "x" * 64]
)
def test_what_is_no_host_is_refused_by_name(domain: str) -> None:
    with pytest.raises(ValueError, match="host name"):
        lists(domains=(domain,))


@pytest.mark.parametrize("network", ["", "localhost", "300.0.0.1", "10.0.0.0/33"])
def test_what_is_no_network_is_refused_by_name(network: str) -> None:
    with pytest.raises(ValueError, match="IP address"):
        lists(networks=(network,))


def test_a_list_has_a_bound() -> None:
    many = tuple(f"h{number}.example" for number in range(MOST + 1))
    assert len(lists(domains=many[:MOST]).domains) == MOST
    with pytest.raises(ValueError, match="at most"):
        lists(domains=many)
