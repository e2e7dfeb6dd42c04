"""The region's own OTLP receiver: spans in, rows of otel_traces out, off the event loop."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import grpc
import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceServicer
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span

from mesh.context import current
from mesh.errors import InvalidInput, SankofaError
from storage.analytics.telemetry import SpanRow

VIOLATION = "sankofa.violation"
_KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
_STATUSES = ("Unset", "Ok", "Error")
_log = logging.getLogger(__name__)


class SpanSink(Protocol):
    """Where rows go; storage.analytics.telemetry.TelemetryStore is one."""

    async def insert(self, table: str, rows: Sequence[SpanRow]) -> None: ...


class SpanBuffer:
    """Spans on their way to the store: bounded, the oldest are dropped first, and the drops counted."""

    def __init__(self, *, sink: SpanSink, capacity: int, flush_every_s: float) -> None:
        self._sink = sink
        self._flush_every_s = flush_every_s
        self._waiting: deque[SpanRow] = deque(maxlen=capacity)
        self._flushing = asyncio.Lock()
        self.dropped = 0

    def put(self, rows: Sequence[SpanRow]) -> None:
        """Takes spans without waiting."""
        capacity = self._waiting.maxlen or 0
        self.dropped += max(0, len(self._waiting) + len(rows) - capacity)
        self._waiting.extend(rows)

    async def run(self) -> None:
        """Flushes for ever; a store that refuses or is away costs these spans, never the region's events."""
        while True:
            await asyncio.sleep(self._flush_every_s)
            await self.flush()

    async def flush(self) -> None:
        """Stores what waits now; returns after an insert that was already running, too."""
        async with self._flushing:
            rows = list(self._waiting)
            self._waiting.clear()
            try:
                await self._sink.insert("otel_traces", rows)
            except SankofaError as error:
                self.dropped += len(rows)
                _log.warning("%d spans not stored: %s", len(rows), error)


class TraceReceiver(TraceServiceServicer):
    """OTLP's TraceService for the processes of this region."""

    def __init__(self, *, buffer: SpanBuffer) -> None:
        self._buffer = buffer

    async def Export(
        self, request: ExportTraceServiceRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> ExportTraceServiceResponse:
        """Takes spans, and marks those whose resource names another region than the sender's certificate."""
        self._buffer.put(list(rows_of(request, current().caller.region)))
        return ExportTraceServiceResponse()


def rows_of(request: ExportTraceServiceRequest, sender_region: str) -> Iterator[SpanRow]:
    """The rows of an export. Raises InvalidInput for attributes that are nested too deep to read."""
    try:
        for resource_spans in request.resource_spans:
            resource = _texts(resource_spans.resource.attributes)
            extra = {} if resource.get("cloud.region") == sender_region else {VIOLATION: "identity"}
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    yield _row(span, scope_spans, resource, extra)
    except RecursionError:
        raise InvalidInput(detail="attributes") from None


def _row(span: Span, scope_spans: ScopeSpans, resource: dict[str, str], extra: dict[str, str]) -> SpanRow:
    return SpanRow(
        timestamp=_seconds(span.start_time_unix_nano),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        trace_state=span.trace_state,
        span_name=span.name,
        span_kind=_named(_KINDS, span.kind),
        service_name=resource.get("service.name", ""),
        resource_attributes=resource,
        scope_name=scope_spans.scope.name,
        scope_version=scope_spans.scope.version,
        span_attributes=_texts(span.attributes) | extra,
        duration=max(0, span.end_time_unix_nano - span.start_time_unix_nano),
        status_code=_named(_STATUSES, span.status.code),
        status_message=span.status.message,
        event_times=[_seconds(event.time_unix_nano) for event in span.events],
        event_names=[event.name for event in span.events],
        event_attributes=[_texts(event.attributes) for event in span.events],
        link_trace_ids=[link.trace_id.hex() for link in span.links],
        link_span_ids=[link.span_id.hex() for link in span.links],
        link_trace_states=[link.trace_state for link in span.links],
        link_attributes=[_texts(link.attributes) for link in span.links],
    )


def _named(names: tuple[str, ...], number: int) -> str:
    return names[number] if number < len(names) else names[0]


def _seconds(unix_ns: int) -> msgspec.Raw:
    return msgspec.Raw(b"%d.%09d" % divmod(unix_ns, 1_000_000_000))


def _texts(attributes: Sequence[KeyValue]) -> dict[str, str]:
    return {attribute.key: _text(attribute.value) for attribute in attributes}


def _text(value: AnyValue) -> str:
    """Text as it is, everything else as JSON."""
    plain = _plain(value)
    return plain if isinstance(plain, str) else msgspec.json.encode(plain).decode()


def _plain(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    if kind is None:
        return ""
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode("ascii")
    if kind == "array_value":
        return [_plain(one) for one in value.array_value.values]
    if kind == "kvlist_value":
        return {one.key: _plain(one.value) for one in value.kvlist_value.values}
    plain: object = getattr(value, kind)
    return plain
