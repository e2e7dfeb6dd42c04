"""Ingest: the way of events into a region, and the region's own telemetry, ledger and sweep."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import add_TraceServiceServicer_to_server

from mesh.admin import Gauges
from mesh.clock import wall_ms
from mesh.node import Node
from mesh.server import Service
from mesh.tasks import background
from sankofa.ingest.v1 import dead_letters_pb2, erasure_pb2, ingest_pb2, rate_pb2
from sankofa.ingest.v1.dead_letters_pb2_grpc import add_DeadLetterServiceServicer_to_server
from sankofa.ingest.v1.erasure_pb2_grpc import add_ErasureServiceServicer_to_server
from sankofa.ingest.v1.ingest_pb2_grpc import add_IngestServiceServicer_to_server
from sankofa.ingest.v1.rate_pb2_grpc import add_RateServiceServicer_to_server
from sankofa.residency.v1 import ledger_pb2
from sankofa.residency.v1.ledger_pb2_grpc import (
    add_AuditServiceServicer_to_server,
    add_LedgerServiceServicer_to_server,
    add_SweepServiceServicer_to_server,
)
from services.ingest.admission import LogAdmission
from services.ingest.config import IngestConfig
from services.ingest.core import Normaliser
from services.ingest.dead_letters import DeadLetterService
from services.ingest.erasure import ErasureService
from services.ingest.ledger import AuditService, Counters, LedgerService
from services.ingest.plans import ToldPlans
from services.ingest.quota import build as build_quota
from services.ingest.rate import Budgets, RateService
from services.ingest.service import Appender, IngestService
from services.ingest.sweep import SweepService
from services.ingest.telemetry import SpanBuffer, TraceReceiver
from services.ingest.user_agent import UserAgents
from services.ingest.writer import Writer
from storage.analytics.engine import Engine
from storage.analytics.guard import StoreGuard
from storage.analytics.telemetry import TelemetryStore
from storage.directory.reader import DirectoryReader
from storage.log import DurableLog
from storage.records.audit.reading import AuditRecords
from storage.records.budgets import BudgetRecords


async def build(
    *,
    config: IngestConfig,
    node: Node,
    stack: AsyncExitStack,
    log: DurableLog,
    engine: Engine,
    directory: DirectoryReader,
    data_dir: Path,
    records: Path | None = None,
    compressed: tuple[Path, ...] = (),
    budgets: BudgetRecords | None = None,
    plans: ToldPlans | None = None,
    audit_records: AuditRecords | None = None,
    gauges: list[Gauges] | None = None,
    rate_clock: Callable[[], float] = time.monotonic,
) -> list[Service]:
    """Ingest on stores that are open and stay open until `stack` has closed what this pushes on it.

    `data_dir` is the region's folder, `records` its SQLite file if it has one, `compressed` the folders of
    the analytics store, which a sweep queries instead of reading their files. `budgets` keeps what primary
    regions lend; None: events are counted, and none is refused for it. `plans`: what projects are on; None:
    nobody has said. `audit_records` are told of erasures;
    None: nobody is. Adds its own to `gauges`.
    """
    admission = LogAdmission(log=log, project_share=config.project_share)
    writer = Writer(
        log=log,
        engine=engine,
        guard=StoreGuard(node.region, directory.pin),
        batch_rows=config.writer_batch_rows,
        linger=timedelta(milliseconds=config.writer_linger_ms),
        busy_linger=timedelta(milliseconds=config.writer_busy_linger_ms),
        on_stored=admission.stored,
    )
    writer.start()
    stack.push_async_callback(asyncio.to_thread, writer.stop)

    background(admission.run(), name="log admission", stack=stack)

    store = TelemetryStore(engine=engine)
    stack.push_async_callback(asyncio.to_thread, store.close)
    spans = SpanBuffer(sink=store, capacity=config.span_queue, flush_every_s=config.span_flush_ms / 1000)
    counters = Counters(region=node.region, sink=store, flush_every_s=config.ledger_flush_ms / 1000)
    for name, buffer in (("spans", spans), ("counters", counters)):
        stack.push_async_callback(buffer.flush)
        background(buffer.run(), name=name, stack=stack)

    user_agents = await asyncio.to_thread(UserAgents)
    normaliser = Normaliser(directory=directory, user_agents=user_agents, now_ms=wall_ms)
    sweep = SweepService(
        engine=engine, log=log, directory=directory, records=records, data_dir=data_dir, compressed=compressed
    )
    audit = AuditService(region=node.region, counters=counters, spans=spans, store=store)
    rates = Budgets(clock=rate_clock)
    appender: Appender = admission
    if budgets is not None:
        appender = await build_quota(
            node=node,
            stack=stack,
            log=log,
            behind=admission,
            directory=directory,
            records=budgets,
            plans=plans or ToldPlans({}),
            ask_every_s=config.usage_every_s,
            gauges=gauges,
        )
    ingest = IngestService(log=appender, normaliser=normaliser, max_frames=config.max_frames)
    if gauges is not None:
        gauges += [ingest.gauges, admission.gauges, rates.gauges, writer.gauges]
    ours, otlp = ledger_pb2.DESCRIPTOR.services_by_name, trace_service_pb2.DESCRIPTOR.services_by_name
    return [
        Service(
            add_IngestServiceServicer_to_server,
            ingest,
            ingest_pb2.DESCRIPTOR.services_by_name["IngestService"],
        ),
        Service(
            add_RateServiceServicer_to_server,
            RateService(budgets=rates),
            rate_pb2.DESCRIPTOR.services_by_name["RateService"],
        ),
        Service(
            add_ErasureServiceServicer_to_server,
            ErasureService(log=log, directory=directory, reached=writer.flush, audit=audit_records),
            erasure_pb2.DESCRIPTOR.services_by_name["ErasureService"],
        ),
        Service(
            add_DeadLetterServiceServicer_to_server,
            DeadLetterService(log=log),
            dead_letters_pb2.DESCRIPTOR.services_by_name["DeadLetterService"],
        ),
        Service(add_TraceServiceServicer_to_server, TraceReceiver(buffer=spans), otlp["TraceService"]),
        Service(add_LedgerServiceServicer_to_server, LedgerService(counters=counters), ours["LedgerService"]),
        Service(add_AuditServiceServicer_to_server, audit, ours["AuditService"]),
        Service(add_SweepServiceServicer_to_server, sweep, ours["SweepService"]),
    ]
