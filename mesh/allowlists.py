"""Where a project's events may come from: pages of its domains, addresses of its networks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

MOST: Final = 100
"""Entries of each list."""

_HOST: Final = re.compile(
    r"(?=.{1,253}$)(\*\.)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
).fullmatch


@dataclass(frozen=True, slots=True)
class AllowLists:
    """`domains`: host names, "*." before one for all below it; `networks`: addresses or CIDR. Empty: any."""

    domains: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()

    @classmethod
    def of(cls, *, domains: Iterable[str], networks: Iterable[str]) -> AllowLists:
        """As a person writes them, in one form and order, each once. Raises ValueError: what is wrong."""
        hosts = {_host(domain) for domain in domains}
        ranges = {_network(network) for network in networks}
        if max(len(hosts), len(ranges)) > MOST:
            raise ValueError(f"a list has {MOST} entries at most")
        return cls(tuple(sorted(hosts)), tuple(sorted(ranges)))

    def allow_origin(self, origin: str) -> bool:
        """Whether a page of this Origin (RFC 6454; its port does not matter) may send."""
        if not self.domains:
            return True
        try:
            host = urlsplit(origin).hostname
        except ValueError:
            return False
        if not host:
            return False  # "null", of a page that has none to show
        parents = host.split(".")
        below = {"*." + ".".join(parents[at:]) for at in range(1, len(parents))}
        return any(domain == host or domain in below for domain in self.domains)

    def allow_address(self, address: str) -> bool:
        """Whether a sender without an Origin may, by its address."""
        if not self.networks:
            return True
        try:
            found = ip_address(address)
        except ValueError:
            return False
        mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
        return any((mapped or found) in network for network in _parsed(self.networks))


ANYWHERE: Final = AllowLists()


@lru_cache(1024)
def _parsed(networks: tuple[str, ...]) -> list[IPv4Network | IPv6Network]:
    """A project's networks, which are looked at for each request and seldom change."""
    return [ip_network(network) for network in networks]


def _host(text: str) -> str:
    host = text.strip().lower()
    try:
        host = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        host = ""
    if not _HOST(host):
        raise ValueError(f"{text!r} is no host name")
    return host


def _network(text: str) -> str:
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is no IP address or network") from None
    whole = network.prefixlen == network.max_prefixlen
    return str(network.network_address) if whole else str(network)
