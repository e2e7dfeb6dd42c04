"""What the shim can be told. File, environment (SANKOFA_REST_…) and flags; unknown keys are refused."""

from __future__ import annotations

from typing import Annotated

import msgspec

from services.rest.connections import Patience
from services.rest.payloads import MOST_OPERATIONS


class RestConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings of one REST shim process."""

    public_address: str = "127.0.0.1:0"
    """host:port of the public listener, plain HTTP; 0 takes a free port."""

    edge_address: str = ""
    """host:port of the listener for the edge, mTLS; empty for none."""

    cell_address: str = "127.0.0.1:0"
    """host:port of the internal port of ingest, which serves DATA."""

    query_address: str = ""
    """host:port of the internal port of query, where that is another process; empty where it is the same."""

    registry_address: str = "127.0.0.1:9100"
    """host:port of the region registry."""

    dashboard_origins: tuple[str, ...] = ()
    """Origins whose pages may use the management API."""

    max_body_bytes: int = 32 * 1024 * 1024
    """Largest request body, before and after decompression."""

    max_operations: int = MOST_OPERATIONS
    """Operations of one batch; one of more gets 413, and is to be split."""

    header_timeout_s: float = 10.0
    """How long a client may take for a request's line and headers; then 408. As at the edge."""

    body_timeout_s: float = 120.0
    """How long a client may take to send a body (then 408), and to read an answer. As at the edge."""

    idle_timeout_s: float = 60.0
    """How long nothing at all may come of a body, or be read of an answer. As at the edge."""

    keep_alive_s: float = 75.0
    """How long a connection may be idle between two requests. Longer than the edge keeps one idle, 3 s."""

    max_connections: int = 16_384
    """Open connections of each listener; the next one gets 503. As at the edge."""

    max_inflight_requests: int = 8192
    """Ingestion requests in hand, from their headers to their answers; the next one gets 503."""

    max_inflight_bytes: int = 256 * 1024 * 1024
    """Bodies of those requests together, decompressed."""

    project_share: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.8
    """The part of those bounds that one project may hold while no other wants any; docs/pressure.md."""

    rate_limit_per_minute: Annotated[int, msgspec.Meta(ge=0)] = 500
    """Ingestion requests of one key, in all REST processes of the region together, and of one address without
    a key, in this process; the next one gets 429. 0: no limit."""

    lookups_per_minute: Annotated[int, msgspec.Meta(ge=0)] = 120
    """Log-ins from one address, in this process, whose accounts are looked up; the next one gets 429. 0: no
    limit."""

    max_frame_bytes: int = 4 * 1024 * 1024
    """Bodies coalesced into one frame; a larger request travels alone."""

    append_timeout_s: float = 30.0
    """How long a frame may take to be acknowledged before its stream is given up."""

    call_timeout_s: float = 10.0
    """Deadline of every other call that the shim makes."""

    trace_ratio: float = 0.01
    """Share of the requests without a trace context of their own for which a span is begun."""

    def __post_init__(self) -> None:
        """Raises ValueError where a body of the largest size would never be let in."""
        if self.max_body_bytes > self.project_share * self.max_inflight_bytes:
            raise ValueError("max_body_bytes is more than one project may hold of max_inflight_bytes")

    def patience(self) -> Patience:
        """What one connection may take."""
        return Patience(
            header_timeout_s=self.header_timeout_s,
            body_timeout_s=self.body_timeout_s,
            idle_timeout_s=self.idle_timeout_s,
            keep_alive_s=self.keep_alive_s,
            max_connections=self.max_connections,
        )
