"""One hop of one call, the same at both ends: decide, count, trace.

The order is fixed, and each step has its reason:
  1. plane    without one nothing else can be decided
  2. guard    before a byte leaves, before a handler runs
  3. ledger   counts refusals too: they are part of the denominator
  4. span     knows the verdict when it starts, so that refusals are always sampled
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from google.protobuf.message import Message
from opentelemetry import trace
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, Tracer

from mesh.errors import CrossingRefused, SankofaError
from mesh.guard import FrameGuard, Guard
from mesh.ledger import EdgeKey, Ledger
from mesh.planes import UNTRACED, plane_of, requests_in, rows_in, shape_of
from mesh.telemetry import REFUSED, VERDICT, extract
from sankofa.residency.v1.ledger_pb2 import SIDE_CLIENT, VERDICT_ALLOWED, VERDICT_REFUSED, Side, Verdict
from sankofa.residency.v1.options_pb2 import Plane


@dataclass(frozen=True, slots=True)
class Hop:
    """One end of calls between two regions: `side` says which end this process is."""

    side: Side
    caller_region: str
    callee_region: str
    guard: Guard
    ledger: Ledger
    tracer: Tracer

    def decide(self, rpc: str, request: Message | None, parent: SpanContext | None = None) -> EdgeKey:
        """Guards a request, or the opening of a stream. Raises CrossingRefused, counted and traced."""
        plane = plane_of(rpc)
        refused = self.guard.refusal(plane, self.caller_region, request)
        if refused is None:
            return self.key(rpc)
        key = self.key(rpc, VERDICT_REFUSED)
        self.begin(key, request)
        with self.span(key, parent):
            raise refused

    def admit_all(self, key: EdgeKey, frame: Message) -> None:
        """Guards each request of a frame that is about to leave. Raises CrossingRefused."""
        name, guard = shape_of(frame.DESCRIPTOR).frame, FrameGuard(self.guard)
        for item in getattr(frame, name) if name else ():
            refused = self.admit(key, item, guard)
            if refused is not None:
                raise refused

    def admit(self, key: EdgeKey, item: Message, guard: FrameGuard) -> CrossingRefused | None:
        """Guards one request of a frame: why it is refused, counted and traced, or None."""
        refused = guard.admit(item)
        if refused is not None:
            refusal = replace(key, verdict=VERDICT_REFUSED)
            self.begin(refusal, item)
            with self.span(refusal, extract(getattr(item, "traceparent", ""))):
                pass
        return refused

    def begin(self, key: EdgeKey, message: Message | None, *, refused: Sequence[Message] = ()) -> None:
        """Counts a message, without the requests in it that were refused: those are counted apart.

        A stream that is refused at its opening counts as a request.
        """
        if message is None:
            self.ledger.begin(key, requests=1, rows=0, size=0)
            return
        requests, rows, size = requests_in(message), rows_in(message), message.ByteSize()
        for item in refused:
            requests, rows, size = requests - 1, rows - rows_in(item), size - item.ByteSize()
        self.ledger.begin(key, requests=requests, rows=rows, size=size)

    def answer(self, key: EdgeKey, message: Message, *, requests: int) -> None:
        """Counts a message that answers `requests` requests."""
        self.ledger.answer(key, requests=requests, rows=rows_in(message), size=message.ByteSize())

    @contextmanager
    def span(
        self, key: EdgeKey, parent: SpanContext | None, links: list[Link] | None = None
    ) -> Iterator[Span]:
        """A span by the RPC conventions, with what the residency proof needs on it."""
        if key.rpc in UNTRACED and key.verdict == VERDICT_ALLOWED:
            yield trace.INVALID_SPAN
            return
        name = key.rpc.lstrip("/")
        attributes = {
            "rpc.system.name": "grpc",
            "rpc.method": name,
            "sankofa.plane": Plane.Name(key.plane).removeprefix("PLANE_"),
            "sankofa.caller.region": key.caller_region,
            "sankofa.callee.region": key.callee_region,
            VERDICT: "allowed" if key.verdict == VERDICT_ALLOWED else REFUSED,
        }
        context = None
        if parent is not None:
            context = trace.set_span_in_context(trace.NonRecordingSpan(parent))
        kind = SpanKind.CLIENT if self.side == SIDE_CLIENT else SpanKind.SERVER
        with self.tracer.start_as_current_span(
            name,
            context,
            kind,
            attributes,
            links,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except SankofaError as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(Status(StatusCode.ERROR))
                raise

    @contextmanager
    def frame_span(self, key: EdgeKey, frame: Message) -> Iterator[Span]:
        """One span for a frame: child of its first sampled request, linked to the others. None, no span."""
        name = shape_of(frame.DESCRIPTOR).frame
        items = getattr(frame, name) if name else ()
        contexts = [found for item in items if item.traceparent and (found := extract(item.traceparent))]
        if not contexts:
            yield trace.INVALID_SPAN
            return
        with self.span(key, contexts[0], [Link(context) for context in contexts[1:]]) as span:
            yield span

    def key(self, rpc: str, verdict: Verdict = VERDICT_ALLOWED) -> EdgeKey:
        """What the ledger counts calls of `rpc` under."""
        return EdgeKey(self.side, self.caller_region, self.callee_region, rpc, plane_of(rpc), verdict)
