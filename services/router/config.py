"""What the router and the edge can be told. File, environment and flags; unknown keys are refused."""

from __future__ import annotations

import msgspec


class RouterConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings of the router, section `router`."""

    address: str = "127.0.0.1:0"
    """host:port of the listener that the edge asks, mTLS; 0 takes a free port."""

    registry_address: str = "127.0.0.1:9100"
    """host:port of the region registry, which feeds the router's directory."""


class EdgeConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings of the Envoy edge, section `edge`."""

    region: str
    """The edge's home region: it answers in its name and its certificate is of it."""

    pki_dir: str
    """Folder with `<region>/edge.{crt,key}` and `trust/<region>.pem`."""

    upstreams: dict[str, str]
    """Region → host:port of the edge listener of its REST shim."""

    address: str = "127.0.0.1:8080"
    """host:port of the global URL, plain HTTP; TLS ends before it."""

    admin_address: str = "127.0.0.1:0"
    """host:port of Envoy's admin page; loopback only."""

    router_address: str = "127.0.0.1:9200"
    """host:port of the router of the same region."""

    trusted_hops: int = 0
    """Proxies of ours in front of the edge, whose X-Forwarded-For is believed."""

    access_log: bool = False
    """Whether each request leaves a line on stdout: method, status, region, no path."""
