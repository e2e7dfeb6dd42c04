"""A call that arrives: identity → plane → guard → ledger → span → handler → errors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import grpc
from google.protobuf.message import Message
from grpc_status import rpc_status
from opentelemetry.trace import SpanContext

from mesh.client import ALLOWED_METADATA
from mesh.context import ADDRESS, AGENT, PERSONAL_PLANES, REQUEST_ID, CallContext, Origin, current, enter
from mesh.errors import SankofaError, Unauthenticated, to_status
from mesh.hop import Hop
from mesh.identity import Identity
from mesh.planes import plane_of
from mesh.streams import FrameHop, Streams
from mesh.telemetry import extract
from sankofa.residency.v1.error_pb2 import ErrorReason

log = logging.getLogger(__name__)

_READ = ALLOWED_METADATA | {REQUEST_ID, ADDRESS, AGENT}
Context = Any
"""grpc.aio's servicer context; its stubs lack abort_with_status."""
HopOf = Callable[[Identity], Hop]


class HopInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """Every method of one server."""

    def __init__(self, hop_of: HopOf, streams: Streams) -> None:
        self._hop_of = hop_of
        self._streams = streams

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        handler: Any = await continuation(handler_call_details)
        if handler is None:
            return handler
        rpc = handler_call_details.method
        metadata = {
            key: value
            for key, value in handler_call_details.invocation_metadata or ()
            if key in _READ and isinstance(value, str)
        }
        arrival = _Arrival(self._hop_of, self._streams, rpc, metadata)
        coders = (handler.request_deserializer, handler.response_serializer)
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(arrival.unary(handler.unary_unary), *coders)
        if handler.unary_stream:
            return grpc.unary_stream_rpc_method_handler(arrival.server_stream(handler.unary_stream), *coders)
        return grpc.stream_stream_rpc_method_handler(arrival.frames(handler.stream_stream), *coders)


@dataclass(frozen=True, slots=True)
class _Arrival:
    """One call that arrived."""

    hop_of: HopOf
    streams: Streams
    rpc: str
    metadata: dict[str, str]

    def unary(self, handler: Any) -> Any:
        async def behave(request: Message, context: Context) -> Message:
            try:
                hop = self._enter(context)
                key = hop.decide(self.rpc, request, self._parent)
                hop.begin(key, request)
                with hop.span(key, self._parent):
                    # A caller that leaves does not leave half of what it asked for behind.
                    response: Message = await asyncio.shield(handler(request, context))
                hop.answer(key, response, requests=1)
            except Exception as error:
                await _abort(context, self.rpc, error)
                raise
            return response

        return behave

    def server_stream(self, handler: Any) -> Any:
        async def behave(request: Message, context: Context) -> AsyncIterator[Message]:
            try:
                hop = self._enter(context)
                key = hop.decide(self.rpc, request, self._parent)
                hop.begin(key, request)
                with hop.span(key, self._parent):
                    pass
                responses = handler(request, context)
                while True:
                    with self.streams.interruptible():
                        response = await anext(responses, None)
                    if response is None:
                        return
                    hop.answer(key, response, requests=0)
                    yield response
            except Exception as error:
                await _abort(context, self.rpc, error)

        return behave

    def frames(self, handler: Any) -> Any:
        """One span and one count per frame: a stream has no natural end. One frame is in flight at a time."""

        async def behave(frames: AsyncIterator[Message], context: Context) -> AsyncIterator[Message]:
            try:
                hop = self._enter(context)
                passing = FrameHop(hop, hop.decide(self.rpc, None), self.streams)
                enter(replace(current(), admit=passing.admit))
                with passing:
                    async for response in handler(passing.arriving(frames), context):
                        passing.answered(response)
                        yield response
            except Exception as error:
                await _abort(context, self.rpc, error)

        return behave

    @property
    def _parent(self) -> SpanContext | None:
        return extract(self.metadata.get("traceparent", ""))

    @property
    def _origin(self) -> Origin:
        """What a caller may say of a person on this plane, and no more."""
        said = self.metadata.get
        if plane_of(self.rpc) not in PERSONAL_PLANES:
            return Origin.of(said(REQUEST_ID, ""), "", "")
        return Origin.of(said(REQUEST_ID, ""), said(ADDRESS, ""), said(AGENT, ""))

    def _enter(self, context: Context) -> Hop:
        uris = [
            name.decode("utf-8", "replace")
            for name in context.auth_context().get("x509_subject_alternative_name", ())
            if name.startswith(b"spiffe://")
        ]
        try:
            (uri,) = uris
            caller = Identity.parse(uri)
        except ValueError:
            raise Unauthenticated(ErrorReason.ERROR_REASON_IDENTITY_REQUIRED) from None
        scheme, _, token = self.metadata.get("authorization", "").partition(" ")
        bearer = token if scheme.lower() == "bearer" and token else None
        hop = self.hop_of(caller)
        enter(CallContext(caller, self.rpc, bearer, hop.guard.admit, self._origin))
        return hop


async def _abort(context: Context, rpc: str, error: Exception) -> Any:
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if not isinstance(error, SankofaError):
        log.error("%s failed", rpc, exc_info=error)
        error = SankofaError()
    await context.abort_with_status(rpc_status.to_status(to_status(error)))
