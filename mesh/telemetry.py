"""Spans: our own interceptors write them, OTLP to the region's own cell is the only way out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import (
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags, TraceState
from opentelemetry.util.types import Attributes

from mesh.errors import SankofaError
from mesh.identity import Identity

VERDICT = "sankofa.verdict"
REFUSED = "refused"
KEEP = "sankofa.keep"
"""On a span whose writer has decided by itself that it is kept."""
_EXPORT_TIMEOUT_S = 5.0


class RefusalsAlways(Sampler):
    """Thins spans by ratio, but never a refusal."""

    def __init__(self, ratio: float) -> None:
        self._ratio = ParentBased(TraceIdRatioBased(ratio))

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Always samples where the guard refused, and what its writer has thinned already."""
        if attributes and (attributes.get(VERDICT) == REFUSED or KEEP in attributes):
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)
        return self._ratio.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """Name and ratio."""
        return f"RefusalsAlways({self._ratio.get_description()})"


class SpanSender(SpanExporter):
    """Sends spans to the region's own receiver over a guarded channel, on the event loop's thread."""

    def __init__(self, channel: grpc.aio.Channel, loop: asyncio.AbstractEventLoop) -> None:
        self._stub: Any = TraceServiceStub(channel)
        self._loop = loop

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """On the processor's thread; a receiver that does not answer costs the batch, never the caller."""
        if self._loop.is_closed():
            return SpanExportResult.FAILURE
        sent = asyncio.run_coroutine_threadsafe(self._send(spans), self._loop)
        try:
            sent.result(_EXPORT_TIMEOUT_S)
        except (SankofaError, TimeoutError):
            sent.cancel()
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    async def _send(self, spans: Sequence[ReadableSpan]) -> None:
        await self._stub.Export(encode_spans(spans), timeout=_EXPORT_TIMEOUT_S)


def tracer_provider(
    identity: Identity, *, instance_id: str, ratio: float, region: str | None = None
) -> TracerProvider:
    """A provider whose resource says which role in which region writes the spans; it exports nowhere yet.

    `region` is where a process of no region runs: its home region, to which its telemetry goes.
    """
    resource = Resource(
        {
            "service.name": identity.role,
            "service.namespace": "sankofa",
            "service.instance.id": instance_id,
            "cloud.region": region or identity.region,
        }
    )
    return TracerProvider(sampler=RefusalsAlways(ratio), resource=resource, shutdown_on_exit=False)


def export_spans(provider: TracerProvider, channel: grpc.aio.Channel) -> None:
    """Starts the way out. Call on the running event loop."""
    exporter = SpanSender(channel, asyncio.get_running_loop())
    processor = BatchSpanProcessor(exporter, max_queue_size=8192, schedule_delay_millis=500)
    provider.add_span_processor(processor)


def inject(span_context: SpanContext) -> str:
    """W3C traceparent of a span; empty where it is not sampled."""
    if not (span_context.is_valid and span_context.trace_flags.sampled):
        return ""
    return f"00-{span_context.trace_id:032x}-{span_context.span_id:016x}-01"


def extract(traceparent: str) -> SpanContext | None:
    """Reads a sampled W3C traceparent; None for anything else."""
    parts = traceparent.split("-")
    if [len(part) for part in parts] != [2, 32, 16, 2]:
        return None
    try:
        trace_id, span_id, flags = (int(part, 16) for part in parts[1:])
    except ValueError:
        return None
    context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
    return context if context.is_valid and context.trace_flags.sampled else None
