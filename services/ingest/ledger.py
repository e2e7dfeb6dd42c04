"""The ledger's receiving end: counters of the region's processes in, edges for an auditor out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Protocol

import grpc

from mesh.errors import SankofaError
from sankofa.residency.v1.ledger_pb2 import (
    Edge,
    ListEdgesRequest,
    ListEdgesResponse,
    ReportRequest,
    ReportResponse,
    Side,
    Verdict,
    Violation,
    Witness,
)
from sankofa.residency.v1.ledger_pb2_grpc import AuditServiceServicer, LedgerServiceServicer
from sankofa.residency.v1.options_pb2 import Plane
from services.ingest.telemetry import SpanBuffer
from storage.analytics.tables import seconds
from storage.analytics.telemetry import (
    CounterRow,
    StoredEdge,
    StoredViolation,
    StoredWitness,
    TelemetryStore,
    WitnessRow,
)

Context = grpc.aio.ServicerContext[Any, Any]
_log = logging.getLogger(__name__)


class CounterSink(Protocol):
    """Where rows go; storage.analytics.telemetry.TelemetryStore is one."""

    async def insert(self, table: str, rows: Sequence[CounterRow] | Sequence[WitnessRow]) -> None: ...


class Counters:
    """The last report of each process, stored together now and then: each report holds all its counters."""

    def __init__(self, *, region: str, sink: CounterSink, flush_every_s: float) -> None:
        self._region = region
        self._sink = sink
        self._flush_every_s = flush_every_s
        self._unstored: dict[str, ReportRequest] = {}
        self._closed: set[str] = set()
        self._flushing = asyncio.Lock()

    def put(self, report: ReportRequest) -> None:
        """Takes a report. What comes after a process's final one is late, and says less."""
        instance_id = report.witness.instance_id
        if instance_id in self._closed and not report.witness.closed:
            return
        if report.witness.closed:
            self._closed.add(instance_id)
        self._unstored[instance_id] = report

    async def run(self) -> None:
        """Flushes for ever; what could not be stored is tried again."""
        while True:
            await asyncio.sleep(self._flush_every_s)
            try:
                await self.flush()
            except SankofaError as error:
                _log.warning("counters not stored, trying again: %s", error)

    async def flush(self) -> None:
        """Stores what was reported until now. Raises StoreUnavailable."""
        async with self._flushing:
            reports, self._unstored = self._unstored, {}
            try:
                await self._sink.insert("ledger", self._counter_rows(reports))
                await self._sink.insert("witnesses", [_witness_row(one.witness) for one in reports.values()])
            except BaseException:
                self._unstored = reports | self._unstored
                raise

    def _counter_rows(self, reports: dict[str, ReportRequest]) -> list[CounterRow]:
        return [
            CounterRow(
                region=self._region,
                instance_id=report.witness.instance_id,
                role=report.witness.role,
                process_region=report.witness.region,
                started_at=seconds(report.witness.started_at_unix_ms),
                reported_at=seconds(report.witness.reported_at_unix_ms),
                closed=report.witness.closed,
                side=Side.Name(edge.side).removeprefix("SIDE_"),
                caller_region=edge.caller_region,
                callee_region=edge.callee_region,
                rpc=edge.rpc,
                plane=Plane.Name(edge.plane).removeprefix("PLANE_"),
                verdict=Verdict.Name(edge.verdict).removeprefix("VERDICT_"),
                requests=edge.requests,
                answered=edge.answered,
                rows=edge.rows,
                bytes=edge.bytes,
            )
            for report in reports.values()
            for edge in report.edges
        ]


class LedgerService(LedgerServiceServicer):
    """Takes counters of the region's processes."""

    def __init__(self, *, counters: Counters) -> None:
        self._counters = counters

    async def Report(self, request: ReportRequest, context: Context) -> ReportResponse:
        """Final counters are stored when this returns: their process removes its own copy then."""
        self._counters.put(request)
        if request.witness.closed:
            await self._counters.flush()
        return ReportResponse()


class AuditService(AuditServiceServicer):
    """Answers an auditor: edges and counts. A violation's trace is read in its region."""

    def __init__(self, *, region: str, counters: Counters, spans: SpanBuffer, store: TelemetryStore) -> None:
        self._region = region
        self._counters = counters
        self._spans = spans
        self._store = store

    async def ListEdges(self, request: ListEdgesRequest, context: Context) -> ListEdgesResponse:
        """All that was reported and exported until now."""
        await self._counters.flush()
        await self._spans.flush()
        return ListEdgesResponse(
            edges=[_edge(edge) for edge in await self._store.edges()],
            witnesses=[_witness(witness) for witness in await self._store.witnesses()],
            violations=[_violation(one, self._region) for one in await self._store.violations()],
            spans=await self._store.spans(),
        )


def _witness_row(witness: Witness) -> WitnessRow:
    return WitnessRow(
        instance_id=witness.instance_id,
        role=witness.role,
        region=witness.region,
        started_at=seconds(witness.started_at_unix_ms),
        reported_at=seconds(witness.reported_at_unix_ms),
        closed=witness.closed,
    )


def _edge(edge: StoredEdge) -> Edge:
    return Edge(
        side=f"SIDE_{edge.side}",
        caller_region=edge.caller_region,
        callee_region=edge.callee_region,
        rpc=edge.rpc,
        plane=f"PLANE_{edge.plane}",
        verdict=f"VERDICT_{edge.verdict}",
        requests=edge.requests,
        answered=edge.answered,
        rows=edge.rows,
        bytes=edge.bytes,
    )


def _witness(witness: StoredWitness) -> Witness:
    return Witness(
        instance_id=witness.instance_id,
        role=witness.role,
        region=witness.region,
        started_at_unix_ms=witness.started_at_ms,
        reported_at_unix_ms=witness.reported_at_ms,
        closed=witness.closed,
    )


def _violation(violation: StoredViolation, region: str) -> Violation:
    return Violation(
        trace_id=violation.trace_id,
        trace_region=region,
        rpc=f"/{violation.rpc}",
        caller_region=violation.caller_region,
        callee_region=violation.callee_region,
        kind=violation.kind,
    )
