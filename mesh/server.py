"""The server's end of every hop, and the two ports that planes are served on.

DATA and LOCAL are served where only the region's own authority is trusted;
CONTROL, ORG and TRANSFER where all are. Plaintext opens nothing on either.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from grpc.aio import server as aio_server
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from opentelemetry.trace import SpanContext

from mesh.client import ALLOWED_METADATA
from mesh.context import ADDRESS, AGENT, PERSONAL_PLANES, REQUEST_ID, CallContext, Origin, current, enter
from mesh.errors import SankofaError, Unauthenticated, Unavailable, to_status
from mesh.guard import FrameGuard
from mesh.hop import Hop
from mesh.identity import Credentials, Identity
from mesh.ledger import EdgeKey
from mesh.planes import INTERNAL_PLANES, plane_of
from mesh.telemetry import extract
from sankofa.residency.v1.error_pb2 import ErrorReason

log = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 64 << 20
OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_time_ms", 30_000),
    # Without it the server takes our keepalive for abuse, and ends an idle stream after 240 s (measured).
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
)
_READ = ALLOWED_METADATA | {REQUEST_ID, ADDRESS, AGENT}
Context = Any
"""grpc.aio's servicer context; its stubs lack abort_with_status."""
HopOf = Callable[[Identity], Hop]


@dataclass(frozen=True, slots=True)
class Service:
    """A servicer, the generated function that adds it, and its contract."""

    add: Callable[[Any, Any], None]
    servicer: object
    descriptor: ServiceDescriptor

    @property
    def rpcs(self) -> list[str]:
        """Full method names."""
        return [f"/{self.descriptor.full_name}/{method.name}" for method in self.descriptor.methods]

    @property
    def internal(self) -> bool:
        """Which port it is served on. Raises where a method has no plane, or two ports would be needed."""
        ports = {plane_of(rpc) in INTERNAL_PLANES for rpc in self.rpcs}
        if len(ports) != 1:
            raise ValueError(f"{self.descriptor.full_name} mixes planes of both ports: split the service")
        return ports.pop()


class MeshServer:
    """The ports of one process: "host:port", port 0 for any free one, None for none."""

    def __init__(
        self,
        *,
        credentials: Credentials,
        hop_of: HopOf,
        services: Sequence[Service],
        internal: str | None,
        federated: str | None,
    ) -> None:
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]
        own = credentials.authorities[credentials.identity.region]
        pooled = b"".join(credentials.authorities.values())
        own_health = Service(
            health_pb2_grpc.add_HealthServicer_to_server,
            self._health,
            health_pb2.DESCRIPTOR.services_by_name["Health"],
        )
        self._servers: list[grpc.aio.Server] = []
        self._streams = _Streams()
        self.internal_port = self.federated_port = 0
        if internal is not None:
            inside = [own_health, *(service for service in services if service.internal)]
            self.internal_port = self._listen(credentials, hop_of, inside, internal, own)
        if federated is not None:
            outside = [service for service in services if not service.internal]
            self.federated_port = self._listen(credentials, hop_of, outside, federated, pooled)

    def _listen(
        self,
        credentials: Credentials,
        hop_of: HopOf,
        services: Sequence[Service],
        address: str,
        trusted: bytes,
    ) -> int:
        server = aio_server(interceptors=[_HopInterceptor(hop_of, self._streams)], options=OPTIONS)
        for service in services:
            service.add(service.servicer, server)
        pair = (credentials.key_pem, credentials.certificate_pem)
        tls = grpc.ssl_server_credentials([pair], root_certificates=trusted, require_client_auth=True)
        self._servers.append(server)
        return server.add_secure_port(address, tls)

    async def start(self) -> None:
        """Serves, and says so to health checks."""
        for server in self._servers:
            await server.start()
        await self._health.set("", health_pb2.HealthCheckResponse.SERVING)

    async def drain(self, grace_s: float) -> None:
        """Stops taking calls, lets those in flight end for `grace_s` seconds, then ends them."""
        await self._health.enter_graceful_shutdown()
        self._streams.drain()
        for server in self._servers:
            await server.stop(grace_s)


class _Streams:
    """The streams of one server. None has a natural end, so draining ends them: their callers come again."""

    def __init__(self) -> None:
        self._idle: set[asyncio.Task[Any]] = set()
        self.draining = False

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """While a stream waits for something to happen, draining may end it here."""
        task = asyncio.current_task()
        assert task is not None
        self._idle.add(task)
        if self.draining:
            task.cancel()
        try:
            yield
        except asyncio.CancelledError:
            if not self.draining:
                raise
            task.uncancel()
            raise Unavailable from None
        finally:
            self._idle.discard(task)

    def drain(self) -> None:
        """Ends the streams that wait, and each other one as soon as it does."""
        self.draining = True
        for task in self._idle:
            task.cancel()


class _HopInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """Identity → plane → guard → ledger → span → handler → errors."""

    def __init__(self, hop_of: HopOf, streams: _Streams) -> None:
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
    streams: _Streams
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
                passing = _FrameHop(hop, hop.decide(self.rpc, None), self.streams)
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


class _FrameHop:
    """The hop of one stream's frames: a frame is counted when it ends, without the requests refused in it."""

    def __init__(self, hop: Hop, key: EdgeKey, streams: _Streams) -> None:
        self._hop, self._key, self._streams = hop, key, streams
        self._span = ExitStack()
        self._frame: Message | None = None
        self._guard = FrameGuard(hop.guard)
        self._refused: list[Message] = []

    async def arriving(self, frames: AsyncIterator[Message]) -> AsyncIterator[Message]:
        arriving = aiter(frames)
        while True:
            with self._streams.interruptible():
                frame = await anext(arriving, None)
            if frame is None:
                return
            self._frame, self._guard, self._refused = frame, FrameGuard(self._hop.guard), []
            self._span.enter_context(self._hop.frame_span(self._key, frame))
            yield frame

    def admit(self, item: Message) -> SankofaError | None:
        refused = self._hop.admit(self._key, item, self._guard)
        if refused is not None:
            self._refused.append(item)
        return refused

    def answered(self, response: Message) -> None:
        self._end()
        self._hop.answer(self._key, response, requests=0)

    def _end(self) -> None:
        self._span.close()
        if self._frame is not None:
            self._hop.begin(self._key, self._frame, refused=self._refused)
            self._frame = None

    def __enter__(self) -> _FrameHop:
        return self

    def __exit__(self, *exc: object) -> None:
        self._end()


async def _abort(context: Context, rpc: str, error: Exception) -> Any:
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if not isinstance(error, SankofaError):
        log.error("%s failed", rpc, exc_info=error)
        error = SankofaError()
    await context.abort_with_status(rpc_status.to_status(to_status(error)))
