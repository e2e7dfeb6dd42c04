"""What the shim can be told. File, environment (SANKOFA_REST_…) and flags; unknown keys are refused."""

from __future__ import annotations

import msgspec


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

    max_inflight_requests: int = 8192
    """Ingestion requests that may wait for the cell; the next one gets 503."""

    max_inflight_bytes: int = 256 * 1024 * 1024
    """Bodies of those requests together."""

    max_frame_bytes: int = 4 * 1024 * 1024
    """Bodies coalesced into one frame; a larger request travels alone."""

    append_timeout_s: float = 30.0
    """How long a frame may take to be acknowledged before its stream is given up."""

    call_timeout_s: float = 10.0
    """Deadline of every other call that the shim makes."""

    trace_ratio: float = 0.01
    """Share of the requests without a trace context of their own for which a span is begun."""
