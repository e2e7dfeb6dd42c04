"""Spans and ledger counters at rest: what ingest's receivers write, and what an audit reads."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import msgspec

from storage.analytics.engine import Engine

_ENCODER = msgspec.json.Encoder()
_VIOLATIONS_AT_MOST: Final = 1000


class SpanRow(msgspec.Struct, frozen=True, gc=False, kw_only=True, rename="pascal"):
    """A row of `otel_traces`, the layout of the OpenTelemetry Collector's ClickHouse exporter.

    Times are seconds with nine decimals, `Duration` is nanoseconds, ids are hex; nested columns are lists.
    """

    timestamp: msgspec.Raw
    trace_id: str
    span_id: str
    parent_span_id: str
    trace_state: str
    span_name: str
    span_kind: str
    service_name: str
    resource_attributes: dict[str, str]
    scope_name: str
    scope_version: str
    span_attributes: dict[str, str]
    duration: int
    status_code: str
    status_message: str
    event_times: list[msgspec.Raw] = msgspec.field(name="Events.Timestamp")
    event_names: list[str] = msgspec.field(name="Events.Name")
    event_attributes: list[dict[str, str]] = msgspec.field(name="Events.Attributes")
    link_trace_ids: list[str] = msgspec.field(name="Links.TraceId")
    link_span_ids: list[str] = msgspec.field(name="Links.SpanId")
    link_trace_states: list[str] = msgspec.field(name="Links.TraceState")
    link_attributes: list[dict[str, str]] = msgspec.field(name="Links.Attributes")


class CounterRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A row of `ledger`. Times as `tables.seconds` makes them; enums by name without their prefix."""

    region: str
    instance_id: str
    role: str
    process_region: str
    started_at: msgspec.Raw
    reported_at: msgspec.Raw
    closed: int
    side: str
    caller_region: str
    callee_region: str
    rpc: str
    plane: str
    verdict: str
    requests: int
    answered: int
    rows: int
    bytes: int


class WitnessRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A row of `witnesses`: one run of one process."""

    instance_id: str
    role: str
    region: str
    started_at: msgspec.Raw
    reported_at: msgspec.Raw
    closed: int


class StoredEdge(NamedTuple):
    """Counters summed over all processes that reported to this region."""

    side: str
    caller_region: str
    callee_region: str
    rpc: str
    plane: str
    verdict: str
    requests: int
    answered: int
    rows: int
    bytes: int


class StoredWitness(NamedTuple):
    """A process that reported; times in milliseconds since 1970."""

    instance_id: str
    role: str
    region: str
    started_at_ms: int
    reported_at_ms: int
    closed: bool


class StoredViolation(NamedTuple):
    """A span that should not be. `rpc` is without its leading slash; `kind` is "crossing" or "identity"."""

    trace_id: str
    rpc: str
    caller_region: str
    callee_region: str
    kind: str


class TelemetryStore:
    """Writes in one thread of its own, so that spans never wait behind queries, nor events behind spans."""

    def __init__(self, *, engine: Engine) -> None:
        self._engine = engine
        self._writer = engine.writer()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="telemetry")

    async def insert(
        self, table: str, rows: Sequence[SpanRow] | Sequence[CounterRow] | Sequence[WitnessRow]
    ) -> None:
        """One insert. Raises StoreUnavailable, and RowsRefused where a row does not fit."""
        if rows:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._insert, table, rows)

    def _insert(
        self, table: str, rows: Sequence[SpanRow] | Sequence[CounterRow] | Sequence[WitnessRow]
    ) -> None:
        self._writer.insert(table, _ENCODER.encode_lines(rows))

    def close(self) -> None:
        """Waits for the insert that runs."""
        self._pool.shutdown(wait=True)

    async def edges(self) -> list[StoredEdge]:
        """Every edge, each process counted once with its last report."""
        sql = """
            SELECT side, caller_region, callee_region, rpc, plane, verdict,
                sum(requests), sum(answered), sum(rows), sum(bytes)
            FROM ledger FINAL
            GROUP BY side, caller_region, callee_region, rpc, plane, verdict
            ORDER BY side, caller_region, callee_region, rpc, plane, verdict
        """
        return [StoredEdge(*row) for row in await self._engine.query(sql)]

    async def witnesses(self) -> list[StoredWitness]:
        """Every process that ever reported, oldest first."""
        sql = """
            SELECT instance_id, role, region, toUnixTimestamp64Milli(started_at),
                toUnixTimestamp64Milli(reported_at), closed
            FROM witnesses FINAL ORDER BY started_at, instance_id
        """
        return [StoredWitness(*row) for row in await self._engine.query(sql)]

    async def violations(self) -> list[StoredViolation]:
        """Calls that crossed though their plane may not, and spans of a wrong origin; 1,000 at most."""
        sql = """
            SELECT TraceId, SpanAttributes['rpc.method'], SpanAttributes['sankofa.caller.region'],
                SpanAttributes['sankofa.callee.region'],
                if(SpanAttributes['sankofa.violation'] = '', 'crossing', SpanAttributes['sankofa.violation'])
            FROM otel_traces
            WHERE SpanAttributes['sankofa.violation'] != '' OR (
                SpanAttributes['sankofa.plane'] IN ('DATA', 'LOCAL')
                AND SpanAttributes['sankofa.verdict'] = 'allowed'
                AND SpanAttributes['sankofa.caller.region'] != SpanAttributes['sankofa.callee.region'])
            ORDER BY Timestamp LIMIT {at_most:UInt32}
        """
        rows = await self._engine.query(sql, {"at_most": _VIOLATIONS_AT_MOST})
        return [StoredViolation(*row) for row in rows]

    async def spans(self) -> int:
        """How many are stored."""
        ((count,),) = await self._engine.query("SELECT count() FROM otel_traces")
        return int(count)
