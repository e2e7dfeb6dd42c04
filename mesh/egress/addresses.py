"""Which IP addresses the mesh may call: public unicast, and what an operator allowed.

From the IANA special-purpose address registries (RFC 6890, RFC 8190): what an
Owner sets must not reach into the region's own network, nor a cloud's
metadata service.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_NOT_PUBLIC_V4 = tuple(
    IPv4Network(network)
    for network in (
        "192.0.0.0/24",  # IETF protocol assignments, of which Python calls some global
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "168.63.129.16/32",  # Azure's platform service: a public number that is local to each machine
    )
)
_UNICAST_V6 = IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # IETF protocol assignments, Teredo among them: an IPv4 address inside
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",  # documentation (RFC 9637)
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


class Allowed:
    """The judgement on addresses, with the networks that an operator allows besides the public ones."""

    def __init__(self, networks: Sequence[str] = ()) -> None:
        """Raises ValueError where one is no network."""
        self._networks = [ip_network(network) for network in networks]

    def named(self, address: str) -> bool:
        """Whether an operator allowed a network that it lies in."""
        found = ip_address(address)
        return any(found.version == network.version and found in network for network in self._networks)

    def __call__(self, address: str) -> bool:
        """Whether an address, as a resolver gives it, may be called."""
        return self.named(address) or public(ip_address(address))


def public(address: IPv4Address | IPv6Address) -> bool:
    """Whether anybody on the internet has it. IPv4 addresses in others' clothes have not, but for NAT64's."""
    if isinstance(address, IPv4Address):
        special = address.is_multicast or any(address in network for network in _NOT_PUBLIC_V4)
        return address.is_global and not special
    if address in _NAT64:
        return public(IPv4Address(int(address) & 0xFFFFFFFF))
    if address not in _UNICAST_V6 or any(address in network for network in _NOT_PUBLIC_V6):
        return False
    return address.is_global
